// The records, exchanges and rules of the page, and how they are put into words.

const data = JSON.parse(document.getElementById("data").textContent);
const LAN_DOWN = 0, LAN_UP = 1, UART_DOWN = 2, UART_UP = 3;
// The page's language: a text as it is, or what its catalogue has for it; {n} stands for a number.
function say(text, n) { return (data.words[text] ?? text).replace("{n}", n); }
const WHO = [say("LAN, client → module"), say("LAN, module → client"), say("UART, module → MCU"), say("UART, MCU → module")];
const count = data.of.length;

// Times are microseconds since the first record.
const times = new Float64Array(count);
for (let i = 0, t = 0; i < count; i++) times[i] = t += data.times[i];
const lanes = Uint8Array.from(data.lanes, Number);
const byLane = [[], [], [], []];
for (let i = 0; i < count; i++) byLane[lanes[i]].push(i);

const marks = new Map(Object.entries(data.marks).map(([i, mark]) => [Number(i), mark]));
// A refusal is an answer; what stopped otherwise is a fault.
const exchanges = data.exchanges.map((each, number) => ({
  ...each, number, tone: !each.stopped ? "" : each.stopped === "refused" ? " refused" : " stopped",
  from: Math.min(...each.all.map((i) => times[i])), to: Math.max(...each.all.map((i) => times[i])),
})).filter((each) => each.all.length);
const exchangeOf = new Int32Array(count).fill(-1);
exchanges.forEach((each, place) => each.all.forEach((i) => { if (exchangeOf[i] < 0) exchangeOf[i] = place; }));

const end = Math.max(count ? times[count - 1] : 0, 1000);
const margin = end * 0.02 + 500;
const WHOLE = [-margin, end + margin];

const wireOf = (i) => (lanes[i] < UART_DOWN ? "lan" : "uart");
const textOf = (i) => data.lines[data.of[i]][0];
const kindOf = (i) => data.lines[data.of[i]][1];
const readingOf = (i) => data.lines[data.of[i]][2];
const isQuiet = (i) => (kindOf(i) === "poll" || kindOf(i) === "hello") && !marks.has(i);

// What a record is drawn as: its mark, "bad", "quiet", or its wire.
function look(i) {
  const mark = marks.get(i);
  if (mark) return mark[0];
  return isQuiet(i) ? "quiet" : wireOf(i);
}

// Outages last from their mark to the next line that came whole.
const outages = [];
for (const [i, mark] of marks) {
  if (mark[0] !== "outage") continue;
  let next = i + 1;
  while (next < count && (lanes[next] < UART_DOWN || marks.get(next)?.[0] === "outage")) next++;
  outages.push([times[i], next < count ? times[next] : end, mark[1]]);
}

function seconds(t, digits = 4) { return `${t < 0 ? "−" : "+"}${Math.abs(t / 1e6).toFixed(digits)} s`; }

function length(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size < 0.01) return `${(value * 1000).toFixed(2)} ms`;
  if (size < 1) return `${(value * 1000).toFixed(0)} ms`;
  return size < 90 ? `${value.toFixed(2)} s` : `${Math.floor(Math.round(value) / 60)} min ${Math.round(value) % 60} s`;
}

function wallTime(t) {
  const date = new Date(data.wall * 1000 + t / 1000);
  return Number.isNaN(date.getTime()) ? "" : date.toISOString().replace("T", " ").replace("Z", " UTC");
}

// A datagram's payload in a few words: "get_properties 2.1 2.2", "2.1=true".
const briefs = new Map();
function brief(i) {
  const line = data.of[i];
  if (!briefs.has(line)) briefs.set(line, lanes[i] < UART_DOWN ? payload(textOf(i)) : textOf(i));
  return briefs.get(line);
}

function payload(text) {
  let value;
  try { value = JSON.parse(text); } catch { return text; }
  if (value === null || typeof value !== "object") return text;
  if ("method" in value) return `${value.method} ${items(value.params)}`.trim();
  if (value.error) return `error ${value.error.code ?? ""} ${value.error.message ?? ""}`.trim();
  return "result" in value ? items(value.result) : text;
}

function items(value) {
  if (value === undefined || value === null) return "";
  if (!Array.isArray(value)) return item(value);
  return value.map(item).join(" ");
}

function item(value) {
  if (value === null || typeof value !== "object" || !("siid" in value)) {
    return typeof value === "string" ? value : JSON.stringify(value);
  }
  const name = `${value.siid}.${value.piid ?? value.aiid ?? value.eiid ?? "?"}`;
  if (value.code) return `${name}: ${value.code}`;
  if ("value" in value) return `${name}=${JSON.stringify(value.value)}`;
  if ("in" in value || "out" in value) return `${name}(${items(value.in ?? value.out)})`;
  return "code" in value ? `${name} ok` : name;
}

// The first place in a list of records whose time is not before t.
function firstAt(list, t) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[list[middle]] < t) low = middle + 1; else high = middle;
  }
  return low;
}
