// Lines over steps, and maps of colour. Each can be pointed at, walked through with the arrow keys, and read as a table.
"use strict";
(() => {
  const { el, svg, real, number, tip, say } = Gradwell;
  const WIDTH = 460, HEIGHT = 220, LEFT = 60, RIGHT = 12, TOP = 20, BOTTOM = 26;

  function ticks(low, high, log) {
    if (log) {
      const a = Math.floor(Math.log10(low) + 1e-9), b = Math.max(a + 1, Math.ceil(Math.log10(high) - 1e-9)), jump = Math.ceil((b - a) / 5);
      return Array.from({ length: Math.ceil((b - a) / jump) + 1 }, (_, i) => 10 ** (a + i * jump));
    }
    if (high - low <= 1e-9 * Math.max(Math.abs(low), Math.abs(high))) [low, high] = [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
    const rough = (high - low) / 4, unit = 10 ** Math.floor(Math.log10(rough)), step = [1, 2, 5, 10].map((m) => m * unit).find((s) => s >= 0.999 * rough);
    const from = Math.floor(low / step + 1e-9), to = Math.ceil(high / step - 1e-9);
    return Array.from({ length: to - from + 1 }, (_, i) => (from + i) * step);
  }

  function axes(lines, wanted, logX) {
    const points = lines.flatMap((line) => line.points);
    const steps = points.map(([step]) => step), values = points.map(([, value]) => value).filter(Number.isFinite);
    const bottom = values.reduce((a, b) => Math.min(a, b), Infinity), top = values.reduce((a, b) => Math.max(a, b), -Infinity);
    const log = wanted ?? (bottom > 0 && top > 30 * bottom);
    const positive = values.filter((value) => value > 0).reduce((a, b) => Math.min(a, b), Infinity);
    const at = values.length ? ticks(log ? positive : bottom, top, log && positive < Infinity) : [0, 1];
    const first = steps.reduce((a, b) => Math.min(a, b), Infinity), last = steps.reduce((a, b) => Math.max(a, b), -Infinity);
    const scale = log ? (value) => Math.log10(Math.max(value, 1e-300)) : (value) => value;
    const [from, to] = [scale(at[0]), scale(at[at.length - 1])];
    const along = logX && first > 0 ? Math.log10 : (step) => step, back = logX && first > 0 ? (place) => 10 ** place : (place) => place;
    return {
      first, last, log, ticks: at,
      x: (step) => LEFT + ((WIDTH - LEFT - RIGHT) * (along(step) - along(first))) / (along(last) - along(first) || 1),
      y: (value) => (Number.isFinite(value) ? HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * Math.min(1, Math.max(0, (scale(value) - from) / (to - from))) : TOP),
      step: (x) => back(along(first) + ((x - LEFT) / (WIDTH - LEFT - RIGHT)) * (along(last) - along(first))),
    };
  }

  const nearest = (points, step) => points.reduce((best, point) => (best && Math.abs(best[0] - step) <= Math.abs(point[0] - step) ? best : point), null);

  /** {title, about, lines: [{name, points, reference}], marks: [{label, first, last, picked}], log, logX, x}: a figure. */
  function chart({ title, about = "", lines, marks = [], log, logX, x = "step" }) {
    lines = lines.map((line) => ({ ...line, points: line.points.map(([step, value]) => [step, real(value)]) })).filter((line) => line.points.length);
    if (!lines.length) return el("p", { class: "sub" }, `${title}: nothing was measured yet.`);
    const plane = axes(lines, log, logX), style = (line, i) => (line.reference ? "ref" : `c${i % 6}`);
    const node = svg("svg", { class: "chart big", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", tabindex: 0, "aria-label": `${title}. Arrow keys read the values.` });
    for (const tick of plane.ticks) {
      node.append(svg("path", { class: "lattice", d: `M${LEFT} ${plane.y(tick)}H${WIDTH - RIGHT}` }),
        svg("text", { class: "tick end", x: LEFT - 6, y: plane.y(tick) + 4 }, number(tick)));
    }
    const middle = plane.step((LEFT + WIDTH - RIGHT) / 2), whole = Number.isInteger(plane.first) && Number.isInteger(plane.last) && plane.last - plane.first > 3;
    for (const [step, anchor] of new Map([[plane.first, "start"], [whole ? Math.round(middle) : middle, "middle"], [plane.last, "end"]])) {
      node.append(svg("text", { class: `tick ${anchor}`, x: plane.x(step), y: HEIGHT - BOTTOM + 17 }, (anchor === "start" ? `${x} ` : "") + number(step)));
    }
    node.append(svg("path", { class: "axis", d: `M${LEFT} ${HEIGHT - BOTTOM}H${WIDTH - RIGHT}` }));
    for (const mark of marks) {
      const from = plane.x(Math.min(plane.last, Math.max(plane.first, mark.first))), to = plane.x(Math.min(plane.last, mark.last ?? mark.first)), picked = mark.picked ? " picked" : "";
      if (mark.picked && to > from) node.append(svg("rect", { class: "span picked", x: from, y: TOP, width: to - from, height: HEIGHT - TOP - BOTTOM }));
      node.append(svg("path", { class: "mark" + picked, d: `M${from} ${TOP}V${HEIGHT - BOTTOM}` }, svg("title", {}, `${mark.label} from step ${mark.first}`)),
        mark.picked || marks.length < 4 ? svg("text", { class: "tick start", x: Math.min(from, WIDTH - RIGHT - 60), y: TOP - 6 }, mark.label) : null);
    }
    lines.forEach((line, i) => {
      let path = "", pen = "M";
      for (const [step, value] of line.points) {
        if (Number.isFinite(value)) path += `${pen}${plane.x(step).toFixed(1)} ${plane.y(value).toFixed(1)}`;
        else node.append(svg("path", { class: "nan", d: `M${plane.x(step) - 4} ${TOP - 4}l8 8m0-8l-8 8` }, svg("title", {}, `${x} ${step}: ${number(value)}`)));
        pen = Number.isFinite(value) ? "L" : "M";
      }
      node.append(svg("path", { class: `line ${style(line, i)}`, d: path }));
    });
    const cursor = svg("path", { class: "cursor", d: "" });
    node.append(cursor);
    const words = (step) => {
      const found = lines.map((line) => [line.name, nearest(line.points, step)]);
      cursor.setAttribute("d", `M${plane.x(step)} ${TOP}V${HEIGHT - BOTTOM}`);
      return found.map(([name, point]) => `${name}: ${number(point[1], 6)} at ${x} ${number(point[0])}`).join("\n");
    };
    node.addEventListener("pointermove", (event) => {
      const box = node.getBoundingClientRect(), step = plane.step(((event.clientX - box.left) * WIDTH) / box.width);
      tip(words(nearest(lines[0].points, step)[0]), event);
    });
    node.addEventListener("pointerleave", () => { tip(""); cursor.setAttribute("d", ""); });
    let at = lines[0].points.length - 1;
    node.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20, Home: -1e9, End: 1e9 }[event.key];
      if (!move) return;
      event.preventDefault();
      at = Math.max(0, Math.min(lines[0].points.length - 1, at + move));
      const text = words(lines[0].points[at][0]), box = node.getBoundingClientRect();
      say(text);
      tip(text, { clientX: box.left + (plane.x(lines[0].points[at][0]) * box.width) / WIDTH, clientY: box.top + box.height / 2 });
    });
    node.addEventListener("blur", () => tip(""));
    const key = el("p", { class: "key" }, lines.map((line, i) => el("span", { class: style(line, i) }, line.name)));
    return el("figure", {}, el("figcaption", {}, el("b", {}, title), ` ${about}${plane.log ? " (log scale)" : ""}`), node, key, twin(title, x, lines));
  }

  /** The same numbers as a table, for who cannot see the lines. */
  function twin(title, x, lines) {
    const details = el("details", {}, el("summary", {}, "As a table"));
    details.addEventListener("toggle", () => {
      if (details.children.length > 1) return;
      const steps = [...new Set(lines.flatMap((line) => line.points.map(([step]) => step)))].sort((a, b) => a - b);
      const few = steps.filter((_, i) => i % Math.ceil(steps.length / 60) === 0 || i === steps.length - 1);
      const maps = lines.map((line) => new Map(line.points));
      details.append(el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": title }, el("table", { class: "data" },
        el("thead", {}, el("tr", {}, el("th", { scope: "col" }, x), lines.map((line) => el("th", { scope: "col" }, line.name)))),
        el("tbody", {}, few.map((step) => el("tr", {}, el("th", { scope: "row" }, number(step)), maps.map((map) => el("td", {}, map.has(step) ? number(map.get(step), 5) : ""))))))));
    });
    return details;
  }

  Gradwell.chart = chart;
  Gradwell.ticks = ticks;
})();
