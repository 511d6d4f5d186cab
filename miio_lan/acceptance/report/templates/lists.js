// Commands and lines as lists that hold rows for what is in sight alone.

const list = document.getElementById("list"), head = document.getElementById("head");
const space = document.getElementById("space"), rows = document.getElementById("rows");
const HEIGHT = 30;
let listed = []; // places of commands or records

const HEADS = {
  commands: ["#", "Time", "Command", "Fetch", "MCU", "Total", "", "Outcome"],
  lines: ["Time", "LAN", "UART", "", "Cmd"],
};

function fillList() {
  if (state.list === "commands") {
    listed = exchanges.map((_, place) => place).filter((place) => shownCommand(exchanges[place]));
    listed.sort((a, b) => exchanges[a].from - exchanges[b].from);
  } else {
    listed = [];
    for (let i = 0; i < count; i++) if (state.matching[i] && !isHidden(i)) listed.push(i);
  }
  const header = el("div", `row ${state.list}`);
  HEADS[state.list].forEach((title, nth) => header.append(el("span", state.list === "commands" && nth > 2 && nth < 6 ? "num" : "", title)));
  head.replaceChildren(header);
  space.style.height = `${Math.max(listed.length, 1) * HEIGHT}px`;
  const all = state.list === "commands" ? exchanges.length : count;
  document.getElementById("shown").textContent = `${listed.length.toLocaleString("en")} of ${all.toLocaleString("en")}`;
  drawRows();
}

function drawRows() {
  const first = Math.max(0, Math.floor(list.scrollTop / HEIGHT) - 8);
  const last = Math.min(listed.length, first + Math.ceil(list.clientHeight / HEIGHT) + 20);
  rows.style.transform = `translateY(${first * HEIGHT}px)`;
  const make = state.list === "commands" ? commandRow : lineRow;
  rows.replaceChildren(...listed.slice(first, last).map(make));
  if (!listed.length) rows.append(el("div", "empty", count ? "Nothing matches." : "Nothing was recorded."));
}

function commandRow(place) {
  const each = exchanges[place], row = el("div", `row commands${place === state.exchange ? " on" : ""}`);
  row.dataset.exchange = place;
  const request = each.steps[0] ?? each.all[0];
  const code = el("code", "", textOf(request).startsWith("{") ? brief(request) : each.method);
  code.title = textOf(request);
  const outcome = el("span", { "": "fine", " refused": "warn", " stopped": "alarm" }[each.tone], each.stopped ?? "went through");
  if (each.ambiguous) outcome.append(el("span", "warn", " (ambiguous)"));
  row.append(
    el("span", "t", each.number + 1), el("span", "t", seconds(each.from)), code,
    el("span", "num", length(each.fetch)), el("span", "num", length(each.mcu)), el("span", "num", length(each.total)),
    waterfall(each), outcome,
  );
  return row;
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
  const row = el("div", `row lines${i === state.record ? " on" : ""}`), wire = wireOf(i), mark = marks.get(i);
  row.dataset.record = i;
  const isDown = lanes[i] === LAN_DOWN || lanes[i] === UART_DOWN;
  const code = el("code", look(i) === "late" || look(i) === "note" ? wire : look(i), `${isDown ? "→" : "←"} ${brief(i)}`);
  code.title = textOf(i);
  const place = exchangeOf[i];
  row.append(
    el("span", "t", seconds(times[i])), ...(wire === "lan" ? [code, el("span")] : [el("span"), code]),
    el("span", mark ? (mark[0] === "late" || mark[0] === "note" ? "warn" : "alarm") : "soft", mark?.[1] ?? ""),
    el("span", "t num", place < 0 ? "" : exchanges[place].number + 1),
  );
  return row;
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
