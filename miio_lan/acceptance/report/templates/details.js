// What is selected: a command as a ladder between client, module and MCU, and a record with its reading.

const details = document.getElementById("details");
const MOST_STEPS = 60;
const ROLES = [say("request"), say("handed out"), say("answer"), "ok", say("reply")];

function drawDetails() {
  const each = state.exchange >= 0 ? exchanges[state.exchange] : null;
  if (!each && state.record < 0) {
    details.replaceChildren(el("p", "none", say("Select a command or a record to see how it went.")));
    return;
  }
  const right = el("div");
  if (state.record >= 0) recordDetails(right, state.record);
  if (!each) { details.replaceChildren(right); return; }
  const left = el("div");
  left.append(el("h3", "", `${say("Command {n}", each.number + 1)}: ${each.method}`), facts(each), ladder(each));
  const pair = el("div", "pair");
  pair.append(left, right);
  details.replaceChildren(pair);
}

function facts(each) {
  const row = el("p", "facts");
  const fact = (name, value, className) => {
    const one = el("span", className, `${name} `);
    one.append(el("b", "", value));
    row.append(one);
  };
  if (each.stopped) fact(each.tone === " refused" ? say("outcome:") : say("stopped:"), say(each.stopped), each.tone === " refused" ? "warn" : "alarm");
  fact(say("fetched after"), length(each.fetch));
  fact(say("MCU took"), length(each.mcu));
  fact(say("in all"), length(each.total));
  if (each.ambiguous) row.append(el("span", "warn", say("ambiguous: other readings of what was seen are possible")));
  for (const note of each.notes) row.append(el("span", "warn", note));
  return row;
}

function ladder(each) {
  const width = 760, client = 128, module = 432, mcu = 712, step = 42;
  const list = each.all.slice(0, MOST_STEPS), height = 44 + list.length * step + 10;
  const drawing = svg("svg", { class: "ladder", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${say("Steps of")} ${each.method}` });
  for (const x of [client, module, mcu]) drawing.append(svg("line", { class: "life", x1: x, x2: x, y1: 30, y2: height }));
  [[client, say("Client")], [module, say("Module")], [mcu, "MCU"]].forEach(([x, name]) => {
    drawing.append(svg("rect", { class: "box", x: x - 44, y: 4, width: 88, height: 26, rx: 7 }), svg("text", { class: "word who", x, y: 21 }, name));
  });
  const rowOfStep = new Map(list.map((i, nth) => [i, 44 + nth * step + 24]));
  const [request, down, result] = each.steps;
  brace(drawing, module, rowOfStep.get(request), rowOfStep.get(down), "wait-brace");
  brace(drawing, mcu, rowOfStep.get(down), rowOfStep.get(result), "mcu-brace");
  list.forEach((i, nth) => {
    const role = ROLES[each.steps.indexOf(i)] ?? "";
    drawing.append(ladderStep(i, rowOfStep.get(i), times[list[0]], { role, client, module, mcu, first: nth === 0 }));
  });
  if (each.all.length > MOST_STEPS) {
    const box = el("div");
    box.append(drawing, el("p", "sub", say("and {n} more records", each.all.length - MOST_STEPS)));
    return box;
  }
  return drawing;
}

function brace(drawing, x, from, to, className) {
  if (from !== undefined && to !== undefined) drawing.append(svg("line", { class: `brace ${className}`, x1: x, x2: x, y1: from, y2: to }));
}

function ladderStep(i, y, start, at) {
  const kind = look(i), lane = lanes[i];
  const [a, b] = lane < UART_DOWN ? [at.client, at.module] : [at.module, at.mcu];
  const isDown = lane === LAN_DOWN || lane === UART_DOWN, from = isDown ? a : b, to = isDown ? b : a;
  const tone = kind === "noise" || kind === "outage" ? "bad" : kind === "late" || kind === "note" ? wireOf(i) : kind;
  const group = svg("g", { class: `step${i === state.record ? " on" : ""}` });
  group.dataset.record = i;
  const point = isDown ? `M${to - 1} ${y}l-9 -5v10Z` : `M${to + 1} ${y}l9 -5v10Z`;
  const when = at.first ? seconds(times[i]) : `+${length((times[i] - start) / 1e6)}`;
  group.append(
    svg("rect", { class: "hit", x: 0, y: y - 24, width: 760, height: 39, rx: 6 }),
    svg("text", { class: "axis", x: 8, y: at.role ? y - 4 : y + 4 }, when),
    svg("text", { class: "word role", x: 8, y: y + 9 }, at.role),
    svg("line", { class: `arrow ${tone}`, x1: from, x2: isDown ? to - 9 : to + 9, y1: y, y2: y }),
    svg("path", { class: `tip ${tone}`, d: point }),
    svg("text", { class: "said", x: (a + b) / 2, y: y - 7, "text-anchor": "middle" }, fitting(brief(i) || marks.get(i)?.[1] || "", b - a - 24)),
    svg("title", {}, textOf(i)),
  );
  return group;
}

function recordDetails(box, i) {
  box.append(el("h3", "", `${WHO[lanes[i]]}`));
  const row = el("p", "facts");
  const when = el("span", "", say("at "));
  when.append(el("b", "", seconds(times[i], 6)));
  row.append(when, el("span", "", wallTime(times[i])));
  const mark = marks.get(i);
  if (mark) row.append(el("span", mark[0] === "late" || mark[0] === "note" ? "warn" : "alarm", mark[1]));
  box.append(row, el("pre", "", pretty(textOf(i))));
  if (readingOf(i)) box.append(el("p", "sub", say("Reading")), el("pre", "", pretty(readingOf(i))));
  const proves = data.rules.filter((rule) => rule[3].includes(i));
  if (proves.length) {
    box.append(el("p", "sub", say("Evidence of")));
    for (const rule of proves) {
      const line = el("p", "facts"), link = el("a", "", rule[1]);
      link.href = `#rule-${rule[0]}`;
      line.append(el("span", `outcome ${rule[2].split(" ")[0]}`, say(rule[2])), link);
      box.append(line);
    }
  }
}

// JSON as a person would lay it out: what fits a line stays on one.
function pretty(text) {
  let value;
  try { value = JSON.parse(text); } catch { return text; }
  return value !== null && typeof value === "object" ? laidOut(value, "") : text;
}

function laidOut(value, inset) {
  const short = JSON.stringify(value);
  if (value === null || typeof value !== "object" || inset.length + short.length <= 46) return spaced(value);
  const inner = `${inset}  `, isList = Array.isArray(value);
  const parts = Object.entries(value).map(([key, each]) => `${inner}${isList ? "" : `${JSON.stringify(key)}: `}${laidOut(each, inner)}`);
  return `${isList ? "[" : "{"}\n${parts.join(",\n")}\n${inset}${isList ? "]" : "}"}`;
}

function spaced(value) {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(spaced).join(", ")}]`;
  return `{${Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${spaced(each)}`).join(", ")}}`;
}
