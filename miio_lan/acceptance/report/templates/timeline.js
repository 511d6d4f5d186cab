// The timeline: a lane for the commands, four for the records, and what connects them.

const LEFT = 128, RIGHT = 18, TOP = 30;
const ROW = 24, ROWS = 3, LANE = 46;
const COMMANDS_TOP = TOP + 8;
const timeline = document.getElementById("timeline");
let laneTop = [];
let groups = []; // what is drawn, for the pointer: {x, y, width, records}

const rowOf = packed();
const rowsUsed = exchanges.length ? Math.max(...rowOf) + 1 : 1;

// Commands that overlap stand in rows; what does not fit the last row shares it.
function packed() {
  const order = exchanges.map((_, place) => place).sort((a, b) => exchanges[a].from - exchanges[b].from);
  const free = [], rows = new Uint8Array(exchanges.length);
  for (const place of order) {
    let row = free.findIndex((until) => until <= exchanges[place].from);
    if (row < 0) row = Math.min(free.length, ROWS - 1);
    free[row] = exchanges[place].to;
    rows[place] = row;
  }
  return rows;
}

const scaleX = () => (state.width - LEFT - RIGHT) / (state.view[1] - state.view[0]);
const xOf = (t) => LEFT + (t - state.view[0]) * scaleX();
const timeAt = (x) => state.view[0] + (x - LEFT) / scaleX();
const laneY = (lane) => laneTop[lane] + LANE / 2;

function drawTimeline() {
  const lanesTop = COMMANDS_TOP + rowsUsed * ROW + 14;
  laneTop = [0, 1, 2, 3].map((lane) => lanesTop + lane * LANE + (lane > 1 ? 10 : 0));
  const bottom = laneTop[3] + LANE;
  const height = bottom + 14;
  groups = [];
  const clip = svg("clipPath", { id: "inside" });
  clip.append(svg("rect", { x: LEFT, y: 0, width: Math.max(state.width - LEFT - RIGHT, 1), height }));
  const plot = svg("g", { "clip-path": "url(#inside)" });
  const definitions = hatch();
  definitions.append(clip);
  drawBands(plot, bottom);
  drawOutages(plot, bottom);
  drawCommands(plot);
  for (let lane = 0; lane < 4; lane++) drawLane(plot, lane);
  timeline.setAttribute("viewBox", `0 0 ${state.width} ${height}`);
  timeline.replaceChildren(definitions, plot, names(bottom));
}

function drawBands(plot, bottom) {
  for (const [wire, lane] of [["lan", LAN_DOWN], ["uart", UART_DOWN]]) {
    plot.append(svg("rect", { class: `band ${wire}`, x: LEFT, y: laneTop[lane], width: state.width, height: 2 * LANE }));
    plot.append(svg("line", { class: "grid", x1: LEFT, x2: state.width, y1: laneTop[lane + 1], y2: laneTop[lane + 1] }));
  }
  const [step, digits] = tickStep();
  for (let t = Math.ceil(state.view[0] / step) * step; t <= state.view[1]; t += step) {
    const x = xOf(t);
    plot.append(svg("line", { class: "grid", x1: x, x2: x, y1: TOP - 6, y2: bottom }));
    if (x < LEFT + 34 || x > state.width - RIGHT - 34) continue;
    plot.append(svg("text", { class: "axis", x, y: TOP - 12, "text-anchor": "middle" }, tickText(t, digits)));
  }
}

function tickStep() {
  const wanted = 130 / scaleX();
  let step = 10 ** Math.floor(Math.log10(wanted));
  for (const factor of [1, 2, 5, 10]) {
    if (step * factor >= wanted) { step *= factor; break; }
  }
  return [step, Math.min(7, Math.max(0, 6 - Math.floor(Math.log10(step) + 1e-9)))];
}

function tickText(t, digits) {
  const value = Math.abs(t) < 1e-6 ? 0 : t;
  return `${value < 0 ? "−" : ""}${(Math.abs(value) / 1e6).toFixed(digits)} s`;
}

// Outages that touch on the screen are drawn as one.
function drawOutages(plot, bottom) {
  const bands = [];
  for (const [from, to, what] of outages) {
    if (to < state.view[0] || from > state.view[1]) continue;
    const x = xOf(from), until = Math.max(xOf(to), x + 3), last = bands.at(-1);
    if (last && x - last.until < 3) { last.until = Math.max(last.until, until); last.count++; } else bands.push({ x, until, what, count: 1 });
  }
  for (const { x, until, what, count: many } of bands) {
    const band = svg("rect", { class: "gap", x, y: laneTop[UART_DOWN], width: until - x, height: 2 * LANE });
    band.append(svg("title", {}, many > 1 ? say("{n} times: ", many) + what : what));
    plot.append(band);
    if (many === 1) plot.append(svg("line", { class: "gap-line", x1: x, x2: x, y1: laneTop[UART_DOWN], y2: bottom }));
  }
}

// Bars where there is room for them, else what a pixel column holds.
function drawCommands(plot) {
  const paths = svg("g", {}), bars = svg("g", {});
  const seen = new Map();
  let drawn = 0;
  exchanges.forEach((each, place) => {
    if (each.to < state.view[0] || each.from > state.view[1] || !shownCommand(each)) return;
    const y = COMMANDS_TOP + rowOf[place] * ROW, x = xOf(each.from), width = xOf(each.to) - x;
    if (width < 4 && place !== state.exchange) {
      const key = `${rowOf[place]}:${Math.round(x / 5)}`;
      const few = seen.get(key) ?? { place, x: Math.round(x / 5) * 5, y, count: 0, stopped: 0 };
      if (each.tone === " stopped" && !few.stopped++) few.place = place;
      few.count++;
      seen.set(key, few);
    } else if (drawn++ < 400) {
      drawBar(bars, each, place, x, y, Math.max(width, 4));
      if (width > 26 || place === state.exchange) drawPath(paths, each, place);
    }
  });
  for (const few of seen.values()) drawFew(bars, few);
  plot.append(paths, bars);
}

// Commands that share a few pixels: the red part of the column says how many of them stopped.
function drawFew(bars, few) {
  const height = ROW - 6, red = few.stopped && Math.max(3, (height * few.stopped) / few.count);
  for (const [name, y, size] of [["", few.y, height - red], [" stopped", few.y + height - red, red]]) {
    if (!size) continue;
    const node = svg("rect", { class: `xbar many${name}`, x: few.x, y, width: 4, height: size });
    node.dataset.exchange = few.place;
    bars.append(node);
  }
}

function shownCommand(each) { return !state.filtered || each.all.some((i) => state.matching[i]); }

function drawBar(bars, each, place, x, y, width) {
  const selected = place === state.exchange ? " selected" : "";
  const bar = svg("rect", { class: `xbar${each.tone}${selected}`, x, y, width, height: ROW - 5, rx: 4 });
  bar.dataset.exchange = place;
  bars.append(bar);
  for (const [name, from, to] of segments(each)) {
    bars.append(svg("rect", { class: `seg ${name}`, x: xOf(from), y: y + ROW - 9, width: Math.max((to - from) * scaleX(), 1), height: 4 }));
  }
  if (each.stopped) bars.append(svg("rect", { class: `seg${each.tone}`, x, y, width, height: ROW - 5, rx: 4 }));
  const left = Math.max(x, LEFT);
  const said = each.stopped ? `${each.method}: ${say(each.stopped)}` : `${each.method}  ${length(each.total)}`;
  const text = fitting(said, Math.min(x + width, state.width - RIGHT) - left - 10);
  if (text) bars.append(svg("text", { class: `label${each.tone}`, x: left + 6, y: y + 11 }, text));
}

function segments(each) {
  const [request, down, result, , reply] = each.steps.map((i) => (i === null ? null : times[i]));
  const found = [];
  if (request !== null && down !== null) found.push(["fetch", request, down]);
  if (down !== null && result !== null) found.push(["mcu", down, result]);
  if (result !== null && reply !== null) found.push(["back", result, reply]);
  return found;
}

function drawPath(paths, each, place) {
  const steps = each.steps.filter((i) => i !== null).sort((a, b) => times[a] - times[b]);
  if (steps.length < 2) return;
  let d = "";
  steps.forEach((i, nth) => {
    const x = xOf(times[i]), y = laneY(lanes[i]);
    if (nth === 0) { d = `M${x} ${y}`; return; }
    const before = xOf(times[steps[nth - 1]]), beforeY = laneY(lanes[steps[nth - 1]]);
    const bend = Math.min(Math.max((x - before) / 2, 3), 60);
    d += `C${before + bend} ${beforeY} ${x - bend} ${y} ${x} ${y}`;
  });
  const role = state.exchange < 0 ? "" : place === state.exchange ? " selected" : " behind";
  paths.append(svg("path", { class: `path${each.tone}${role}`, d }));
}

// Records closer than a few pixels become one mark that says how many.
function drawLane(plot, lane) {
  const list = byLane[lane], y = laneY(lane);
  const shown = [];
  let group = null;
  for (let k = firstAt(list, timeAt(LEFT - 12)); k < list.length; k++) {
    const i = list[k], x = xOf(times[i]);
    if (x > state.width - RIGHT + 12) break;
    if (isHidden(i)) continue;
    if (group && x - group.x < 19) { group.records.push(i); group.last = x; continue; }
    group = { x, last: x, y, records: [i] };
    shown.push(group);
  }
  shown.forEach((each, nth) => drawGroup(plot, each, shown[nth + 1]?.x ?? state.width));
  groups.push(...shown);
}

function isHidden(i) { return !state.polls && isQuiet(i) && i !== state.record && !state.proof.has(i) && kindOf(i) === "poll"; }

// The most remarkable look among records, the first in this order; "" when none is remarkable.
const ALARMS = ["outage", "noise", "bad", "late", "note"];
function alarmOf(records) {
  let best = ALARMS.length;
  for (const i of records) if (marks.has(i)) best = Math.min(best, ALARMS.indexOf(marks.get(i)[0]));
  return ALARMS[best] ?? "";
}

function drawGroup(plot, group, next) {
  const { records, x, y } = group, i = records[0];
  const faded = records.some((each) => state.matching[each]) ? "" : " other";
  if (records.length > 1) { drawMany(plot, group, faded); return; }
  const kind = look(i), isDown = lanes[i] === LAN_DOWN || lanes[i] === UART_DOWN;
  plot.append(svg("path", { class: `mark ${kind}${faded}`, d: shape(kind, isDown), transform: `translate(${x} ${y})` }));
  rings(plot, records, x, y, 11);
  const said = textOf(i).trim() ? brief(i) : marks.get(i)?.[1] ?? "", inset = i === state.record || state.proof.has(i) ? 18 : 12;
  const text = fitting(said, Math.min(next - x - inset - 12, 330));
  const tone = kind === "bad" || kind === "noise" ? " fail" : kind === "quiet" ? " dim" : "";
  if (text && !faded) plot.append(svg("text", { class: `label${tone}`, x: x + inset, y: y + 4 }, text));
}

// A pill with the number of records, and a dot when one of them is remarkable.
function drawMany(plot, { records, x, y }, faded) {
  const kind = records.every(isQuiet) ? "quiet" : wireOf(records[0]), alarm = alarmOf(records);
  const text = records.length > 999 ? "1k+" : records.length;
  plot.append(svg("rect", { class: `mark ${kind}${faded}`, x: x - 7.5, y: y - 8, width: 18, height: 16, rx: 8 }));
  plot.append(svg("text", { class: `many-count ${kind}`, x: x + 1.5, y: y + 3.5 }, text));
  if (alarm) plot.append(svg("circle", { class: `mark dot ${alarm}${faded}`, cx: x + 8, cy: y - 7, r: 4.5 }));
  rings(plot, records, x + 1.5, y, 12);
}

function rings(plot, records, x, y, r) {
  const ring = (name, size) => plot.append(svg("rect", { class: name, x: x - size, y: y - size, width: 2 * size, height: 2 * size, rx: size }));
  if (records.some((i) => state.proof.has(i))) ring("ring", r);
  if (records.includes(state.record)) ring("ring selected", r + 3);
}

function shape(kind, isDown) {
  if (kind === "noise") return "M0 -8 8 0 0 8 -8 0Z";
  if (kind === "outage") return "M-3 -11H3V11H-3Z";
  if (kind === "quiet") return "M-4 0A4 4 0 1 0 4 0A4 4 0 1 0 -4 0Z";
  return isDown ? "M-7 -5.5H7L0 7.5Z" : "M-7 5.5H7L0 -7.5Z";
}

function names(bottom) {
  const group = svg("g", {});
  group.append(svg("rect", { class: "gutter", x: 0, y: 0, width: LEFT, height: bottom + 14 }));
  group.append(svg("line", { class: "edge", x1: LEFT, x2: LEFT, y1: 0, y2: bottom + 14 }));
  group.append(svg("text", { class: "word name plain", x: 18, y: COMMANDS_TOP + 13 }, say("Commands")));
  const words = [["LAN", say("client → module")], ["", say("module → client")], ["UART", say("module → MCU")], ["", say("MCU → module")]];
  words.forEach(([wire, way], lane) => {
    const y = laneY(lane);
    if (wire) group.append(svg("text", { class: `word name ${wire.toLowerCase()}`, x: 18, y: y - 5 }, wire));
    group.append(svg("text", { class: "word dim", x: 18, y: wire ? y + 11 : y + 4 }, way));
  });
  return group;
}
