// A map of colour: rows by columns. Pointed at, or walked through with the arrow keys, it says the exact number.
"use strict";
(() => {
  const { el, number, real, tip, say } = Gradwell;
  const LABEL = 150, RAMP = 9;

  /** The colours of a ramp as the style sheet has them: "s" from little to much, "d" diverging. */
  const ramp = (kind) => Array.from({ length: RAMP }, (_, i) => getComputedStyle(document.documentElement).getPropertyValue(`--${kind}${i}`).trim());

  /** How values become colours: {kind, place: value -> 0..1, ends: [from, to]}. */
  const scales = {
    share: () => ({ kind: "s", place: (value) => value, ends: ["0", "1"] }),
    signed: (most) => ({ kind: "d", place: (value) => 0.5 + value / (2 * most || 1), ends: [number(-most), number(most)] }),
    factor: (most) => ({ kind: "d", place: (value) => 0.5 + Math.log10(value) / (2 * Math.log10(most)), ends: [number(1 / most), number(most)] }),
    size: (least, most) => ({ kind: "s", place: (value) => Math.log10(value / least) / (Math.log10(most / least) || 1), ends: [number(least), number(most)] }),
    plain: (least, most) => ({ kind: "s", place: (value) => (value - least) / (most - least || 1), ends: [number(least), number(most)] }),
  };

  /**
   * {title, about, rows: [names], columns: [names], values: [[number or null]], scale, words: (row, column, value) -> text, height, angled}.
   * Drawn on a canvas, so that 200 by 200 cells are no burden.
   */
  function heat({ title, about = "", rows, columns, values, scale, words, height = 18, labels = true, top = "" }) {
    const colours = ramp(scale.kind), empty = getComputedStyle(document.documentElement).getPropertyValue("--rule").trim();
    const canvas = el("canvas", { class: "heat", role: "img", tabindex: 0, "aria-label": `${title}. Arrow keys read the cells.` });
    const wrap = el("div", { class: "heatwrap" }, labels ? el("div", { class: "heatrows", "aria-hidden": "true" }, rows.map((name) => {
      const line = el("div", { title: name }, name);
      line.style.height = `${height}px`;
      line.style.lineHeight = `${height}px`;
      return line;
    })) : null, canvas);
    const density = Math.min(2, devicePixelRatio || 1);
    let width = 0;

    function paint() {
      width = Math.max(60, wrap.clientWidth - (labels ? LABEL : 0));
      canvas.width = width * density;
      canvas.height = rows.length * height * density;
      canvas.style.width = `${width}px`;
      canvas.style.height = `${rows.length * height}px`;
      const pen = canvas.getContext("2d"), w = canvas.width / columns.length, h = height * density, gap = w > 6 && h > 6 ? 1 : 0;
      pen.clearRect(0, 0, canvas.width, canvas.height);
      values.forEach((row, i) => row.forEach((value, j) => {
        value = real(value);
        if (value == null) return;
        const at = scale.place(value);
        pen.fillStyle = Number.isNaN(at) ? empty : colours[Math.max(0, Math.min(RAMP - 1, Math.round(at * (RAMP - 1))))];
        pen.fillRect(Math.floor(j * w), Math.floor(i * h), Math.max(1, Math.ceil(w) - gap), Math.max(1, h - gap));
      }));
    }

    const cell = (event) => {
      const box = canvas.getBoundingClientRect();
      return [Math.floor(((event.clientY - box.top) / box.height) * rows.length), Math.floor(((event.clientX - box.left) / box.width) * columns.length)];
    };
    const told = (i, j) => (words ? words(i, j, values[i]?.[j]) : `${rows[i]}, ${columns[j]}: ${number(values[i]?.[j], 6)}`);
    canvas.addEventListener("pointermove", (event) => {
      const [i, j] = cell(event);
      tip(rows[i] !== undefined && columns[j] !== undefined ? told(i, j) : "", event);
    });
    canvas.addEventListener("pointerleave", () => tip(""));
    let at = [0, 0];
    canvas.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -1e9], End: [0, 1e9] }[event.key];
      if (!move) return;
      event.preventDefault();
      at = [Math.max(0, Math.min(rows.length - 1, at[0] + move[0])), Math.max(0, Math.min(columns.length - 1, at[1] + move[1]))];
      const text = told(...at), box = canvas.getBoundingClientRect();
      say(text);
      tip(text, { clientX: box.left + ((at[1] + 0.5) * box.width) / columns.length, clientY: box.top + (at[0] + 1) * height });
    });
    canvas.addEventListener("blur", () => tip(""));
    const observer = new ResizeObserver(() => { if (wrap.clientWidth) paint(); });
    observer.observe(wrap);
    const key = el("p", { class: "ramp" }, scale.ends[0], " ", colours.map((colour, i) => el("span", { class: `swatch ${scale.kind}${i}` })), " ", scale.ends[1]);
    return el("figure", {}, el("figcaption", {}, el("b", {}, title), ` ${about}`), top, wrap, key, twin(title, rows, columns, values));
  }

  function twin(title, rows, columns, values) {
    const details = el("details", {}, el("summary", {}, "As a table"));
    details.addEventListener("toggle", () => {
      if (details.children.length > 1) return;
      const every = Math.ceil(columns.length / 40), shown = columns.map((_, j) => j).filter((j) => j % every === 0);
      details.append(el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": title }, el("table", { class: "data" },
        el("thead", {}, el("tr", {}, el("td", {}), shown.map((j) => el("th", { scope: "col" }, String(columns[j]))))),
        el("tbody", {}, rows.map((name, i) => el("tr", {}, el("th", { scope: "row" }, name), shown.map((j) => el("td", {}, values[i][j] == null ? "" : number(values[i][j])))))))));
    });
    return details;
  }

  Gradwell.heat = heat;
  Gradwell.scales = scales;
})();
