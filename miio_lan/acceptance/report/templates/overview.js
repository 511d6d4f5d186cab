// The whole time in a strip: how much crossed each wire when, and which part the timeline shows.

const overview = document.getElementById("overview");
const STRIP = 58;

const stripX = (t) => LEFT + ((t - WHOLE[0]) / (WHOLE[1] - WHOLE[0])) * (state.width - LEFT - RIGHT);
const stripTime = (x) => WHOLE[0] + ((x - LEFT) / (state.width - LEFT - RIGHT)) * (WHOLE[1] - WHOLE[0]);
let strip = null; // drawn anew only when width or filter change

function drawStrip() {
  const columns = Math.max(1, Math.floor((state.width - LEFT - RIGHT) / 3));
  const bins = { lan: new Uint32Array(columns), uart: new Uint32Array(columns), quiet: new Uint32Array(columns) };
  const alarms = new Map();
  for (let i = 0; i < count; i++) {
    const column = Math.min(columns - 1, Math.max(0, Math.floor((stripX(times[i]) - LEFT) / 3)));
    if (state.matching[i]) bins[isQuiet(i) ? "quiet" : wireOf(i)][column]++;
    const kind = state.proof.has(i) ? "proof" : look(i) === "late" ? "late" : ["outage", "noise", "bad"].includes(look(i)) ? "alarm" : "";
    if (kind && alarms.get(column) !== "proof") alarms.set(column, kind);
  }
  strip = svg("g", {});
  for (const [wire, base, sign] of [["lan", 27, -1], ["quiet", 31, 1], ["uart", 31, 1]]) {
    const most = Math.max(1, ...(wire === "lan" ? bins.lan : [Math.max(...bins.uart), Math.max(...bins.quiet)]));
    bins[wire].forEach((amount, column) => {
      if (!amount) return;
      const height = 4 + (15 * Math.log1p(amount)) / Math.log1p(most);
      strip.append(svg("rect", { class: `dens ${wire}`, x: LEFT + column * 3, y: sign < 0 ? base - height : base, width: 2.4, height }));
    });
  }
  for (const [column, kind] of alarms) strip.append(svg("rect", { class: `dens ${kind}`, x: LEFT + column * 3 - 0.5, y: 53, width: 3.4, height: 4, rx: 1 }));
}

function drawOverview() {
  if (!strip) drawStrip();
  const x = Math.max(LEFT, stripX(state.view[0])), to = Math.min(state.width - RIGHT, stripX(state.view[1]));
  overview.setAttribute("viewBox", `0 0 ${state.width} ${STRIP}`);
  overview.replaceChildren(
    svg("line", { class: "edge", x1: LEFT, x2: state.width - RIGHT, y1: 29, y2: 29 }), strip,
    svg("rect", { class: "view", x, y: 1, width: Math.max(to - x, 3), height: STRIP - 2, rx: 3 }),
    svg("text", { class: "word name lan", x: 18, y: 24 }, "LAN"), svg("text", { class: "word name uart", x: 18, y: 43 }, "UART"),
  );
}

// Dragging in the strip chooses the part; a click moves it there.
overview.addEventListener("pointerdown", (event) => {
  const from = stripTime(pointerX(event, overview));
  const size = state.view[1] - state.view[0];
  overview.setPointerCapture(event.pointerId);
  const move = (next) => {
    const to = stripTime(pointerX(next, overview));
    const chosen = Math.abs(stripX(to) - stripX(from)) > 6;
    show(...(chosen ? [Math.min(from, to), Math.max(from, to)] : [to - size / 2, to + size / 2]));
  };
  drag(overview, event, move, move);
});
