// Commands and lines as lists that hold rows for what is in sight alone.

const list = document.getElementById("list"), head = document.getElementById("head");
const space = document.getElementById("space"), rows = document.getElementById("rows");
const HEIGHT = 30;
let listed = []; // places of commands or records

// A column: its title, its width, its class, what its cell holds, and whether any row has something for it.
const has = (part) => exchanges.some((each) => each[part] !== null);
const time = (title, part, width) => [title, width, "num", (each) => el("span", "num", length(each[part])), has(part)];
const COLUMNS = {
  commands: [
    ["#", "44px", "", (each) => el("span", "t", each.number + 1), true],
    [say("Time"), "96px", "", (each) => el("span", "t", seconds(each.from)), true],
    [say("Command"), "minmax(150px, 1.4fr)", "", commandCell, true],
    time(say("Fetch"), "fetch", "62px"), time("MCU", "mcu", "72px"), time(say("Total"), "total", "72px"),
    ["", "minmax(120px, 1.2fr)", "", waterfall, true],
    [say("Outcome"), "minmax(110px, .8fr)", "", outcomeCell, true],
  ].filter((column) => column[4]),
  lines: [
    [say("Time"), "96px", "", (i) => el("span", "t", seconds(times[i])), true],
    ["LAN", "minmax(0, 1fr)", "", (i) => lineCell(i, "lan"), byLane[LAN_DOWN].length + byLane[LAN_UP].length],
    ["UART", "minmax(0, 1fr)", "", (i) => lineCell(i, "uart"), byLane[UART_DOWN].length + byLane[UART_UP].length],
    ["", "minmax(0, 150px)", "", markCell, marks.size],
    [say("Cmd"), "46px", "", commandOfLine, exchanges.length],
  ].filter((column) => column[4]),
};

function fillList() {
  if (state.list === "commands") {
    listed = exchanges.map((_, place) => place).filter((place) => shownCommand(exchanges[place]));
    listed.sort((a, b) => exchanges[a].from - exchanges[b].from);
  } else {
    listed = [];
    for (let i = 0; i < count; i++) if (state.matching[i] && !isHidden(i)) listed.push(i);
  }
  head.replaceChildren(listRow(state.list, "", ([title, , className]) => el("span", className, title)));
  space.style.height = `${Math.max(listed.length, 1) * HEIGHT}px`;
  const all = state.list === "commands" ? exchanges.length : count;
  document.getElementById("shown").textContent = `${listed.length.toLocaleString("en")} ${say("of")} ${all.toLocaleString("en")}`;
  drawRows();
}

function drawRows() {
  const first = Math.max(0, Math.floor(list.scrollTop / HEIGHT) - 8);
  const last = Math.min(listed.length, first + Math.ceil(list.clientHeight / HEIGHT) + 20);
  rows.style.transform = `translateY(${first * HEIGHT}px)`;
  const make = state.list === "commands" ? commandRow : lineRow;
  rows.replaceChildren(...listed.slice(first, last).map(make));
  if (!listed.length) rows.append(el("div", "empty", count ? say("Nothing matches.") : say("Nothing was recorded.")));
}

// A row of either list; each column makes its cell.
function listRow(name, className, cell) {
  const row = el("div", `row ${name}${className}`);
  row.style.gridTemplateColumns = COLUMNS[name].map((column) => column[1]).join(" ");
  row.append(...COLUMNS[name].map(cell));
  return row;
}

function commandRow(place) {
  const each = exchanges[place], row = listRow("commands", place === state.exchange ? " on" : "", (column) => column[3](each));
  row.dataset.exchange = place;
  return row;
}

function commandCell(each) {
  const request = each.steps[0] ?? each.all[0];
  const code = el("code", "", textOf(request).startsWith("{") ? brief(request) : each.method);
  code.title = textOf(request);
  return code;
}

function outcomeCell(each) {
  const outcome = el("span", { "": "fine", " refused": "warn", " stopped": "alarm" }[each.tone], say(each.stopped ?? "went through"));
  if (each.ambiguous) outcome.append(el("span", "warn", say(" (ambiguous)")));
  return outcome;
}

// The parts of a command on a scale that all rows share: a little more than the time most commands take.
const typical = (() => {
  const sizes = exchanges.map((each) => each.to - each.from).sort((a, b) => a - b);
  return Math.max((sizes[Math.floor(sizes.length * 0.9)] ?? 0) * 1.15, 1000);
})();

function waterfall(each) {
  const drawing = svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" });
  drawing.append(svg("rect", { class: "band", x: 0, y: 4, width: 100, height: 2, fill: "none" }));
  for (const [name, from, to] of segments(each)) {
    const x = ((from - each.from) / typical) * 100;
    drawing.append(svg("rect", { class: `seg ${name}`, x, y: 0, width: Math.max(((to - from) / typical) * 100, 0.8), height: 10 }));
  }
  return drawing;
}

function lineRow(i) {
  const row = listRow("lines", i === state.record ? " on" : "", (column) => column[3](i));
  row.dataset.record = i;
  return row;
}

function lineCell(i, wire) {
  if (wireOf(i) !== wire) return el("span");
  const isDown = lanes[i] === LAN_DOWN || lanes[i] === UART_DOWN;
  const code = el("code", look(i) === "late" || look(i) === "note" ? wire : look(i), `${isDown ? "→" : "←"} ${brief(i)}`);
  code.title = textOf(i);
  return code;
}

function markCell(i) {
  const mark = marks.get(i);
  return el("span", mark ? (mark[0] === "late" || mark[0] === "note" ? "warn" : "alarm") : "soft", mark?.[1] ?? "");
}

function commandOfLine(i) {
  const place = exchangeOf[i];
  return el("span", "t num", place < 0 ? "" : exchanges[place].number + 1);
}

// Bring the selected row into sight, without moving the page.
function revealRow() {
  const place = listed.indexOf(state.list === "commands" ? state.exchange : state.record);
  if (place < 0) return;
  const y = place * HEIGHT;
  if (y < list.scrollTop || y > list.scrollTop + list.clientHeight - 3 * HEIGHT) list.scrollTop = Math.max(0, y - list.clientHeight / 2);
}

list.addEventListener("scroll", () => requestAnimationFrame(drawRows), { passive: true });
rows.addEventListener("click", (event) => {
  const row = event.target.closest(".row");
  if (row?.dataset.exchange) select(-1, Number(row.dataset.exchange), { zoom: true });
  if (row?.dataset.record) select(Number(row.dataset.record), exchangeOf[Number(row.dataset.record)], { centre: true });
});
for (const name of ["commands", "lines"]) {
  document.getElementById(`tab-${name}`).addEventListener("click", () => {
    state.list = name;
    list.scrollTop = 0;
    showTabs();
    fillList();
    revealRow();
    drawRows();
  });
}

function showTabs() {
  for (const name of ["commands", "lines"]) document.getElementById(`tab-${name}`).setAttribute("aria-selected", String(state.list === name));
}
