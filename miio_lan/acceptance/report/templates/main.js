// Selecting, moving, filtering, and the pointer and keys that do it.

const tip = document.getElementById("tip");
let frame = 0;

function redraw() {
  if (frame) return;
  frame = requestAnimationFrame(() => { frame = 0; drawTimeline(); drawOverview(); });
}

function show(from, to) {
  let size = Math.min(Math.max(to - from, 50), WHOLE[1] - WHOLE[0]);
  let start = (from + to) / 2 - size / 2;
  start = Math.min(Math.max(start, WHOLE[0]), WHOLE[1] - size);
  state.view = [start, start + size];
  redraw();
}

const zoom = (factor, t = (state.view[0] + state.view[1]) / 2) => show(t - (t - state.view[0]) * factor, t + (state.view[1] - t) * factor);
const move = (share) => { const by = (state.view[1] - state.view[0]) * share; show(state.view[0] + by, state.view[1] + by); };

function select(record, exchange, { zoom: zoomed = false, centre = false } = {}) {
  state.exchange = exchange;
  state.record = record < 0 && exchange >= 0 ? exchanges[exchange].steps.find((i) => i !== null) ?? exchanges[exchange].all[0] : record;
  if (zoomed && exchange >= 0) showCommand(exchanges[exchange]);
  else if (state.record >= 0) showRecord(times[state.record], centre);
  drawDetails();
  revealRow();
  drawRows();
  redraw();
}

function showCommand(each) {
  const room = Math.max((each.to - each.from) * 0.18, 2000);
  show(each.from - room, each.to + room * 1.6);
}

function showRecord(t, centre) {
  const size = state.view[1] - state.view[0];
  if (centre && size > 4e6 && size > WHOLE[1] / 20) show(t - 1.2e6, t + 1.2e6);
  else if (t < state.view[0] + size * 0.03 || t > state.view[1] - size * 0.03) show(t - size / 2, t + size / 2);
}

function filter() {
  const words = state.find.toLowerCase(), lines = data.lines.map((line) => !words || line[0].toLowerCase().includes(words));
  state.proof = new Set(state.rule >= 0 ? data.rules[state.rule][3] : []);
  state.filtered = Boolean(state.method || words || state.rule >= 0);
  const kept = new Set();
  if (state.rule >= 0) for (const i of state.proof) (exchangeOf[i] < 0 ? [] : exchanges[exchangeOf[i]].all).forEach((k) => kept.add(k));
  for (let i = 0; i < count; i++) {
    const method = !state.method || (exchangeOf[i] >= 0 && exchanges[exchangeOf[i]].method === state.method);
    const rule = state.rule < 0 || state.proof.has(i) || kept.has(i);
    state.matching[i] = method && rule && lines[data.of[i]] ? 1 : 0;
  }
  strip = null;
  fillList();
  redraw();
}

// --- the pointer

function pointerX(event, node) {
  const box = node.getBoundingClientRect();
  return ((event.clientX - box.left) / box.width) * state.width;
}

function drag(node, event, moved, ended) {
  event.preventDefault();
  const stop = (last) => {
    node.removeEventListener("pointermove", moved);
    node.removeEventListener("pointerup", stop);
    node.removeEventListener("pointercancel", stop);
    ended(last);
  };
  node.addEventListener("pointermove", moved);
  node.addEventListener("pointerup", stop);
  node.addEventListener("pointercancel", stop);
}

timeline.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  timeline.focus({ preventScroll: true });
  const x = pointerX(event, timeline), view = [...state.view], at = timeAt(x), exchange = event.target.dataset?.exchange;
  const hit = groupAt(event);
  let band = null, moved = false;
  timeline.setPointerCapture(event.pointerId);
  drag(timeline, event, (next) => {
    const now = pointerX(next, timeline);
    if (Math.abs(now - x) > 4) moved = true;
    if (!moved) return;
    tip.hidden = true;
    if (event.shiftKey) {
      band ??= timeline.appendChild(svg("rect", { class: "select", y: TOP, height: 600 }));
      band.setAttribute("x", Math.min(x, now));
      band.setAttribute("width", Math.abs(now - x));
    } else {
      timeline.classList.add("moving");
      const by = ((x - now) * (view[1] - view[0])) / (state.width - LEFT - RIGHT);
      show(view[0] + by, view[1] + by);
    }
  }, (last) => {
    timeline.classList.remove("moving");
    if (band) show(...[at, timeAt(pointerX(last, timeline))].sort((a, b) => a - b));
    else if (!moved && exchange !== undefined) select(-1, Number(exchange));
    else if (!moved && hit) select(notable(hit.records), exchangeOf[notable(hit.records)]);
    else if (!moved) select(-1, -1);
  });
});

// Of records drawn as one mark: the first that is remarkable, else the first that is no poll.
function notable(records) {
  return records.find((i) => state.proof.has(i)) ?? records.find((i) => marks.has(i)) ?? records.find((i) => !isQuiet(i)) ?? records[0];
}

function groupAt(event) {
  const box = timeline.getBoundingClientRect(), x = pointerX(event, timeline), y = ((event.clientY - box.top) / box.height) * timeline.viewBox.baseVal.height;
  let best = null, distance = 14;
  for (const group of groups) {
    const off = Math.max(group.x - x, x - group.last, 0);
    if (Math.abs(group.y - y) < LANE / 2 - 4 && off < distance) { best = group; distance = off; }
  }
  return best;
}

timeline.addEventListener("dblclick", (event) => {
  const hit = groupAt(event), exchange = event.target.dataset?.exchange;
  if (exchange !== undefined) select(-1, Number(exchange), { zoom: true });
  else if (hit && hit.records.length > 1) {
    const from = times[hit.records[0]], to = times[hit.records.at(-1)], room = Math.max((to - from) * 0.15, 40);
    show(from - room, to + room);
  } else zoom(0.4, timeAt(pointerX(event, timeline)));
});

timeline.addEventListener("wheel", (event) => {
  const sideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
  if (!sideways && !event.ctrlKey && !event.metaKey) return; // the page scrolls
  event.preventDefault();
  if (sideways) move(Math.sign(event.deltaX || event.deltaY) * 0.08);
  else zoom(event.deltaY > 0 ? 1.25 : 0.8, timeAt(pointerX(event, timeline)));
}, { passive: false });

timeline.addEventListener("pointermove", (event) => {
  if (event.buttons) return;
  const hit = groupAt(event), exchange = event.target.dataset?.exchange;
  if (!hit && exchange === undefined) { tip.hidden = true; return; }
  tip.replaceChildren(...(exchange === undefined ? recordTip(hit.records) : commandTip(exchanges[Number(exchange)])));
  tip.hidden = false;
  const frameBox = timeline.parentElement.getBoundingClientRect();
  const x = event.clientX - frameBox.left, y = event.clientY - frameBox.top;
  tip.style.left = `${Math.max(6, Math.min(x + 16, frameBox.width - tip.offsetWidth - 8))}px`;
  tip.style.top = `${y + 18 + tip.offsetHeight > frameBox.height ? Math.max(4, y - tip.offsetHeight - 14) : y + 18}px`;
});
timeline.addEventListener("pointerleave", () => { tip.hidden = true; });

function recordTip(records) {
  const shown = records.slice(0, 6).flatMap((i) => {
    const line = el("div");
    line.append(el("span", "t", `${seconds(times[i], 5)}  `), el("code", "", fitting(brief(i), 900)));
    return marks.has(i) ? [line, el("div", "alarm", marks.get(i)[1])] : [line];
  });
  if (records.length > 6) shown.push(el("div", "t", say("and {n} more: double-click to zoom in", records.length - 6)));
  return [el("div", "t", WHO[lanes[records[0]]]), ...shown];
}

function commandTip(each) {
  const times_ = `${say("fetch")} ${length(each.fetch)}, MCU ${length(each.mcu)}, ${say("total")} ${length(each.total)}`;
  return [el("div", "", `${each.number + 1}  ${each.method}`), el("div", "t", times_), ...(each.stopped ? [el("div", "alarm", say(each.stopped))] : [])];
}

details.addEventListener("click", (event) => {
  const step = event.target.closest(".step");
  if (step) select(Number(step.dataset.record), state.exchange);
});

// --- the keys

function nextRecord(way) {
  let i = state.record < 0 ? firstAt([...times.keys()], way > 0 ? state.view[0] : state.view[1]) - (way > 0 ? 1 : 0) : state.record;
  do i += way; while (i >= 0 && i < count && (isHidden(i) || !state.matching[i]));
  if (i >= 0 && i < count) select(i, exchangeOf[i]);
}

function nextCommand(way) {
  const shown = exchanges.map((_, place) => place).filter((place) => shownCommand(exchanges[place]));
  const at = shown.indexOf(state.exchange);
  const next = at < 0 ? (way > 0 ? shown[0] : shown.at(-1)) : shown[at + way];
  if (next !== undefined) select(-1, next, { zoom: true });
}

const KEYS = {
  ArrowLeft: () => move(-0.2), ArrowRight: () => move(0.2), "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1.6), "−": () => zoom(1.6),
  0: () => show(...WHOLE), Home: () => show(...WHOLE), n: () => nextRecord(1), p: () => nextRecord(-1), N: () => nextCommand(1), P: () => nextCommand(-1),
  Enter: () => { if (state.exchange >= 0) showCommand(exchanges[state.exchange]); else if (state.record >= 0) show(times[state.record] - 5e4, times[state.record] + 5e4); },
  Escape: () => select(-1, -1),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, button, a, summary, #list")) return;
  const plain = document.activeElement === timeline || document.activeElement === document.body;
  if (!plain || !(event.key in KEYS)) return;
  // Without the focus, the page keeps the keys it scrolls by.
  if (document.activeElement !== timeline && ["ArrowLeft", "ArrowRight", "Home", "Enter"].includes(event.key)) return;
  event.preventDefault();
  KEYS[event.key]();
});

const BUTTONS = { earlier: () => move(-0.4), later: () => move(0.4), closer: () => zoom(0.5), farther: () => zoom(2), fit: () => show(...WHOLE) };
for (const name in BUTTONS) document.getElementById(name).addEventListener("click", BUTTONS[name]);

// --- the filters

function option(choice, value, text) {
  const node = el("option", "", text);
  node.value = value;
  choice.append(node);
}

const methodChoice = document.getElementById("method"), ruleChoice = document.getElementById("rule");
for (const method of [...new Set(exchanges.map((each) => each.method))].sort()) option(methodChoice, method, method);
data.rules.forEach((rule, place) => option(ruleChoice, place, `${say(rule[2])}: ${rule[0]}`));
methodChoice.addEventListener("change", () => { state.method = methodChoice.value; filter(); });
ruleChoice.addEventListener("change", () => chooseRule(ruleChoice.value === "" ? -1 : Number(ruleChoice.value)));
document.getElementById("find").addEventListener("input", (event) => { state.find = event.target.value; filter(); });
document.getElementById("polls").addEventListener("change", (event) => { state.polls = event.target.checked; filter(); });

function chooseRule(place) {
  state.rule = place;
  ruleChoice.value = place < 0 ? "" : String(place);
  filter();
  if (place >= 0) {
    const proof = data.rules[place][3], from = times[proof[0]], to = times[proof.at(-1)], room = Math.max((to - from) * 0.1, 2e5);
    select(proof[0], exchangeOf[proof[0]]);
    show(from - room, to + room);
  }
}

// --- from the verdicts to the timeline

for (const box of document.querySelectorAll(".evidence")) {
  const place = data.rules.findIndex((rule) => rule[0] === box.dataset.rule);
  if (place < 0) continue;
  const button = el("button", "jump", say("show on the timeline"));
  button.type = "button";
  button.addEventListener("click", () => { chooseRule(place); document.getElementById("wires").scrollIntoView(); });
  const last = el("li");
  last.append(button);
  box.append(last);
}

function follow() {
  const [, kind, number] = /^#([rx])(\d+)$/.exec(location.hash) ?? [];
  const place = Number(number) - (kind === "x" ? 1 : 0);
  if (kind === "r" && place < count) select(place, exchangeOf[place], { centre: true });
  else if (kind === "x" && place >= 0 && place < exchanges.length) select(-1, place, { zoom: true });
  else return;
  document.getElementById("wires").scrollIntoView();
}
window.addEventListener("hashchange", follow);
document.addEventListener("click", (event) => {
  // The hash stays the same when a link is followed twice.
  if (event.target.closest?.("a.at")?.hash === location.hash) follow();
});

// --- sizes, paper, and the beginning

function resize() {
  const width = timeline.parentElement.clientWidth;
  if (width && width !== state.width) { state.width = width; strip = null; redraw(); drawRows(); }
}
new ResizeObserver(resize).observe(timeline.parentElement);
window.addEventListener("beforeprint", () => {
  for (const row of document.querySelectorAll("tr.fail details, tr.warning details")) row.open = true;
});

// What went wrong is shown first, where anything did.
function begin() {
  document.getElementById("app").hidden = false;
  resize();
  showTabs();
  filter();
  const found = [" stopped", " refused", ""].map((tone) => exchanges.findIndex((each) => each.tone === tone));
  const first = found.find((place) => place >= 0) ?? -1;
  const few = end < 6e6 || count < 400;
  if (first >= 0) {
    state.exchange = first;
    state.record = exchanges[first].steps.find((i) => i !== null) ?? exchanges[first].all[0];
    if (!few) show(exchanges[first].from - 1.5e6, exchanges[first].from + 4.5e6);
  }
  drawDetails();
  drawRows();
  drawTimeline();
  drawOverview();
  follow();
}
begin();
