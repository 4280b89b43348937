// A run's model, layer by layer: the tree with its source lines, what was read there over time, and the factors of each gain.
"use strict";
(() => {
  const { el, real, number, ask, chart, heat, scales, page } = Gradwell;
  const FACTORS = ["weights", "activation", "normalization", "gradient"];

  page("layers", "Layers", async (body, path) => {
    const found = await ask(`${path}/layers`);
    if (!found.signals.length) {
      body.append(el("p", {}, "No layer was looked at yet."));
      return;
    }
    const map = el("div", {}), about = el("p", { class: "sub" });
    const choice = el("select", { onchange: show }, found.signals.map((one) => el("option", { value: one.name }, one.name.replaceAll("_", " "))));
    body.append(el("section", {}, el("div", { class: "form" }, el("label", {}, "Measured", choice)), about, map));
    let asked = 0;
    await show();
    body.append(el("section", {}, el("h2", {}, "Factors of each gain"), gains(found.gains)), el("section", {}, el("h2", {}, "The model"), tree(found.places)));

    async function show() {
      const mine = ++asked;
      const one = found.signals.find((signal) => signal.name === choice.value), rows = (await ask(`${path}/signals/${one.name}`)).filter((row) => row.kind === one.kind);
      if (mine !== asked) return;  // another signal was chosen meanwhile
      about.textContent = `${one.about[0].toUpperCase()}${one.about.slice(1)}, in ${one.unit}; each row is a place, from the first to the last.`;
      map.replaceChildren(drawn(one, rows), el("div", { class: "grid" }, el("div", {}, rows.length <= 24 ? chart({ title: "The same as lines", lines: rows.slice(0, 12).map((row) => ({ name: name(row), points: row.points })) }) : null)));
    }
  });

  const name = (place) => (place.type && place.type !== place.module ? `${place.module} (${place.type})` : place.module);

  /** A signal as a map: a row for each place, a column for each step that was looked at. */
  function drawn(signal, rows) {
    const steps = [...new Set(rows.flatMap((row) => row.points.map(([step]) => step)))].sort((a, b) => a - b);
    const values = rows.map((row) => {
      const at = new Map(row.points);
      return steps.map((step) => (at.has(step) ? at.get(step) : null));
    });
    const all = values.flat().map(real).filter(Number.isFinite);
    return heat({ title: signal.name.replaceAll("_", " "), about: `steps ${number(steps[0])} to ${number(steps[steps.length - 1])}, ${steps.length} looks`,
      rows: rows.map(name), columns: steps, values, scale: scale(signal, all),
      words: (i, j, value) => `${name(rows[i])}\nstep ${number(steps[j])}: ${value == null ? "not looked at" : number(value, 6)}` });
  }

  function scale(signal, all) {
    const least = all.reduce((a, b) => Math.min(a, b), Infinity), most = all.reduce((a, b) => Math.max(a, b), -Infinity);
    if (signal.unit.startsWith("share")) return scales.share();
    if (signal.name.endsWith("_gain")) return scales.factor(Math.max(10, most, 1 / (least || 1)));
    if (least < 0) return scales.signed(Math.max(-least, most));
    const positive = all.filter((value) => value > 0).reduce((a, b) => Math.min(a, b), Infinity);
    return positive < Infinity && most > 30 * positive ? scales.size(positive, most) : scales.plain(least, most);
  }

  function gains(rows) {
    if (!rows.length) return el("p", {}, "No gradient was looked at yet.");
    const shown = FACTORS.filter((factor) => rows.some((row) => row[factor] != null && row[factor] !== 1));
    return el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Factors of each gain" }, el("table", { class: "gains" },
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "layer"), shown.map((factor) => el("th", { scope: "col" }, factor)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, el("th", { scope: "row" }, `${row.layer} (${row.type})`), shown.map((factor) => el("td", { class: tint(factor, real(row[factor])) }, number(row[factor]))))))));
  }

  const tint = (factor, value) => (factor === "gradient" || value == null ? "" : value <= 0.1 ? "low2" : value <= 0.5 ? "low1" : value >= 10 ? "high2" : value >= 2 ? "high1" : "");

  /** The modules as a tree, by the dots of their names. */
  function tree(places) {
    const root = { children: new Map(), places: [] };
    for (const place of places.filter((one) => one.kind !== "parameter")) {
      let at = root;
      for (const part of place.module.split(".")) {
        if (!at.children.has(part)) at.children.set(part, { children: new Map(), places: [] });
        at = at.children.get(part);
      }
      at.places.push(place);
    }
    const branch = (node) => el("ul", { class: "tree" }, [...node.children].map(([part, child]) => el("li", {}, el("b", {}, part), " ",
      [...new Set(child.places.map((place) => place.type))].join(", "), " ",
      [...new Set(child.places.filter((place) => place.file).map((place) => `${place.file}:${place.line}`))].slice(0, 1).map((line) => el("code", {}, line)),
      child.children.size ? branch(child) : null)));
    return branch(root);
  }
})();
