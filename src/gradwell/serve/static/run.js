// One run: its losses as they come, and the findings with their evidence where it lies on the curve.
"use strict";
(() => {
  const { el, number, when, ask, said: worded, link, view, chart, listen } = Gradwell;
  const tabs = [["", "Loss and findings"]];
  const pages = {};
  const WAIT = 700;  // milliseconds between two drawings of a growing run

  /** One more page of a run. */
  Gradwell.page = (name, title, paint) => { tabs.push([name, title]); pages[name] = paint; };

  view("run", "Run", false, async (main, name, page = "") => {
    const path = `/api/runs/${encodeURIComponent(name)}`;
    const head = el("p", { class: "sub" }), body = el("div", {});
    main.append(el("h1", {}, name), head, el("nav", { class: "tabs", "aria-label": "Pages of the run" }, tabs.map(([key, title]) =>
      el("a", { href: key ? link("run", name, key) : link("run", name), "aria-current": key === page ? "page" : null }, title))), body);
    const paint = pages[page] || overview;
    const run = await ask(path);
    told(head, run);
    await paint(body, path, run, head);
  });

  function told(head, run) {
    const live = run.finished ? null : el("span", { class: "live" }, "no end yet");
    head.replaceChildren(el("code", {}, run.script || "a script"), ` ${number(run.steps)} updates, started ${when(run.started)} `, live || "");
  }

  async function overview(body, path, first, head) {
    const plots = el("div", { class: "grid" }), said = el("p", {}), list = el("ol", { class: "findings" }), evidence = el("div", {});
    body.append(plots, el("section", {}, el("h2", {}, "Findings"), said, list), evidence);
    let run = first, found = null, picked = null;

    const read = () => plots.contains(document.activeElement) || plots.querySelector("details[open]");  // then it is not torn away
    let shown = "";

    function draw() {
      const marks = found ? found.findings.map((one) => ({ label: one.code, first: one.first_step, last: one.last_step, picked: picked === one.code + one.where.module })) : [];
      plots.replaceChildren(...run.losses.map((loss) => chart({ title: loss.name, lines: [{ name: loss.line, points: loss.points },
        { name: "a predictor that ignores the input", points: loss.trivial, reference: true }], marks })));
      if (!run.losses.length) plots.append(el("p", {}, "No loss was seen yet."));
    }

    function findings() {
      said.textContent = found.findings.length ? "" : `None so far. ${found.learned.because}.`;
      list.replaceChildren(...found.findings.map((one) => card(one, picked === one.code + one.where.module, path, async (key) => {
        picked = picked === key ? null : key;
        draw();
        findings();
      })));
    }

    async function again() {
      [run, found] = await Promise.all([ask(path), ask(`${path}/findings`)]);
      told(head, run);
      if (!read()) draw();
      const now = JSON.stringify(found.findings);
      if (now !== shown || !found.findings.length) findings();
      shown = now;
    }

    draw();
    await again();
    let busy = false, waiting = false;
    if (!run.finished && body.isConnected) {
      listen(`${path}/events`, async () => {
        waiting = true;
        if (busy) return;
        busy = true;
        while (waiting) {
          waiting = false;
          await again().catch((error) => { if (!(error instanceof TypeError || error instanceof Gradwell.Refused)) throw error; });
          await new Promise((done) => { setTimeout(done, WAIT); });
        }
        busy = false;
      });
    }
  }

  function card(one, open, path, pick) {
    const key = one.code + one.where.module, place = [one.where.module, one.where.file ? `${one.where.file}:${one.where.line}` : ""].filter(Boolean).join("  ");
    const item = el("li", { class: one.severity }, el("span", { class: "pill" }, one.severity), " ",
      el("button", { class: "text", "aria-expanded": String(open), onclick: () => pick(key) }, `${one.code} ${one.name}`),
      el("p", { class: "place" }, place, el("span", {}, ` from step ${number(one.first_step)}`)), el("p", {}, one.title));
    if (!open) return item;
    const charts = el("div", { class: "grid" }), manual = el("div", {});
    item.append(el("dl", {}, el("dt", {}, "Cause"), el("dd", {}, one.cause), el("dt", {}, "Remedy"), el("dd", {}, one.remedy),
      el("dt", {}, "Evidence"), el("dd", {}, facts(one.evidence)),
      one.explains.length ? [el("dt", {}, "Explains"), el("dd", {}, one.explains.map((below) => `${below.code} ${below.name} at ${below.where.module}`).join("; "))] : null),
    charts, el("button", { class: "text", onclick: async (event) => {
      const page = await ask(`/api/rules/${one.code}`).catch((error) => { if (error instanceof Gradwell.Refused) return { text: error.message }; throw error; });
      event.target.remove();
      manual.append(el("div", { class: "manual", tabindex: 0, role: "region", "aria-label": `Manual page of ${one.code}` }, worded(page, "text")));
    } }, "Manual page"), manual);
    for (const signal of one.signals.slice(0, 3)) {
      ask(`${path}/signals/${signal}`).then((rows) => {
        const below = rows.filter((row) => row.module === one.where.module || row.module.startsWith(`${one.where.module}.`));
        const lines = (below.length ? below : rows).slice(0, 6).map((row) => ({ name: row.module, points: row.points }));
        if (lines.length) charts.append(chart({ title: signal.replaceAll("_", " "), lines, marks: [{ label: one.code, first: one.first_step, last: one.last_step, picked: true }] }));
      }, () => {});
    }
    return item;
  }

  function facts(evidence) {
    const flat = (value) => value === null || typeof value !== "object" || Object.values(value).every((inner) => inner === null || typeof inner !== "object");
    return Object.entries(evidence).filter(([, value]) => flat(value))
      .map(([name, value]) => `${name.replaceAll("_", " ")}: ${text(value)}`).join("; ") || "see the curves";
  }

  const few = (words) => (words.length > 6 ? `${words[0]}, ${words[1]} ... ${words[words.length - 1]} (${words.length} in all)` : words.join(", "));

  function text(value) {
    if (value === null) return "not known";
    if (Array.isArray(value)) return few(value.map(text));
    if (typeof value === "object") return few(Object.entries(value).map(([name, inner]) => `${name} ${text(inner)}`));
    return typeof value === "number" ? number(value) : String(value);
  }
})();
