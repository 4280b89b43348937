// The claims of the lab with their verdicts; one measured with other knobs, drawn while it runs, and again without its cause.
"use strict";
(() => {
  const { el, number, real, ask, send, said: worded, link, view, chart, leaving, data } = Gradwell;

  view("lab", "Lab", true, async (main, name) => (name ? claim(main, name) : list(main)));

  async function list(main) {
    const claims = await ask("/api/lab");
    main.append(el("h1", {}, "Lab"), el("p", { class: "sub" }, "What the textbook claims, measured. Choose a claim to turn its knobs and see what becomes of it."),
      el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Claims" }, el("table", { class: "list" },
        el("thead", {}, el("tr", {}, ["question", "claim", "verdict", "in a sentence"].map((head) => el("th", { scope: "col" }, head)))),
        el("tbody", {}, claims.map((one) => el("tr", {}, el("td", {}, String(one.question)), el("th", { scope: "row" }, el("a", { href: link("lab", one.id) }, one.id)),
          el("td", { class: "short" }, one.result ? one.result.word : "not measured"), el("td", {}, worded(one, "claim"))))))));
  }

  async function claim(main, name) {
    const one = await ask(`/api/lab/${encodeURIComponent(name)}`);
    main.append(el("p", {}, el("a", { href: link("lab") }, "All claims")), el("h1", {}, one.id), el("p", { class: "lead" }, worded(one, "claim")));
    if (one.textbook) main.append(el("p", {}, el("b", {}, "What is commonly taught: "), worded(one, "textbook", "textbook_zh")));
    const said = el("div", { class: "verdicts", role: "status" }), plots = el("div", { class: "grid" });
    if (one.result) {
      said.append(verdict("As it is", one.result.main), verdict(`Without the cause (${words(one.control)})`, one.result.control));
      plots.append(...drawn(one, one.rows));
    }
    main.append(knobs(one, said, plots), said, plots, el("section", {}, el("h2", {}, "How it is measured"), el("p", { class: "prose" }, one.doc), el("p", {}, `Source: ${one.source}`),
      one.rules.length ? el("p", {}, `The doctor catches the same in a script: ${one.rules.join(", ")}`) : null));
  }

  const words = (change) => Object.entries(change).map(([name, value]) => `${name}=${value}`).join(", ");
  const verdict = (title, found) => el("p", {}, el("b", { class: found.holds ? "holds" : "fails" }, `${title}: it ${found.holds ? "holds" : "fails"}. `), `${worded(found, "because").replace(/[.。]$/, "")}.`);

  function knobs(one, said, plots) {
    const fields = one.knobs.map((knob) => {
      const choice = knob.kind === "bool" ? el("select", {}, ["True", "False"].map((value) => el("option", { selected: value === knob.value }, value))) : el("input", { value: knob.value, size: Math.max(6, knob.value.length) });
      return { ...knob, choice };
    });
    const seeds = el("input", { type: "number", min: 1, max: 20, value: Math.min(5, one.result?.seeds ?? 5) });
    const go = el("button", { class: "main", onclick: () => run(false) }, "Measure"), without = el("button", { onclick: () => run(true) }, "Measure without the cause");
    const end = el("button", { disabled: true }, "Stop"), state = el("p", { class: "sub", role: "status" });
    const set = (values) => fields.forEach((field) => { if (field.name in values) field.choice.value = values[field.name]; });
    if (data) return el("p", { class: "sub" }, "Knobs can be turned in the page that gradwell serve shows.");

    async function run(control) {
      const turned = Object.fromEntries(fields.map((field) => [field.name, field.choice.value]));
      go.disabled = without.disabled = true;
      state.textContent = "measuring ...";
      let job;
      try {
        ({ job } = await send(`/api/lab/${encodeURIComponent(one.id)}/measure`, { knobs: turned, seeds: Number(seeds.value), control }));
      } catch (error) {
        if (!(error instanceof Gradwell.Refused)) throw error;
        state.replaceChildren(el("span", { class: "wrong" }, error.message));
        go.disabled = without.disabled = false;
        return;
      }
      let measured = 0;
      const rows = [], source = new EventSource(`/api/jobs/${job}`);
      let drawing = false;
      said.replaceChildren();
      end.disabled = false;
      end.onclick = () => send(`/api/jobs/${job}/stop`, {});
      const over = (text) => {
        source.close();
        go.disabled = without.disabled = false;
        end.disabled = true;
        state.replaceChildren(text);
      };
      leaving(() => { source.close(); if (!end.disabled) send(`/api/jobs/${job}/stop`, {}).catch(() => {}); });
      source.onmessage = (event) => {
        for (const news of JSON.parse(event.data)) {
          if (news.row) rows.push(news.row);
          if (news.error) over(el("span", { class: "wrong" }, `${news.error}; ${measured} of ${seeds.value} seeds measured`));
          if (news.verdict) {
            said.replaceChildren(verdict(control ? "Without the cause" : "With these knobs", news.verdict));
            measured = news.seeds;
            state.textContent = `${news.seeds} of ${seeds.value} seeds measured`;
          }
        }
        if (!drawing) {
          drawing = true;
          requestAnimationFrame(() => { drawing = false; plots.replaceChildren(...drawn(one, rows)); });
        }
      };
      source.addEventListener("end", () => { if (!end.disabled) over(`${seeds.value} seeds measured`); });
      source.onerror = () => { if (!end.disabled) over(el("span", { class: "wrong" }, "the server ended the measurement")); };
    }

    return el("section", {}, el("h2", {}, "Knobs"), el("div", { class: "form" }, fields.map((field) => el("label", {}, `${field.name} (${field.unit})`, field.choice)), el("label", {}, "seeds", seeds)),
      el("div", { class: "form" }, go, without, end, el("button", { onclick: () => set(one.quick) }, "Quick knobs"), el("button", { onclick: () => set(Object.fromEntries(one.knobs.map((knob) => [knob.name, knob.value]))) }, "As it was")), state);
  }

  /** The charts of a claim: medians over the seeds, lines where x is a number, bars where it is text. */
  function drawn(one, rows) {
    return one.charts.map((plan) => {
      const groups = new Map();
      for (const row of rows) {
        if (!(plan.x in row) || !(plan.y in row)) continue;
        const key = plan.by ? String(row[plan.by]) : plan.y;
        if (!groups.has(key)) groups.set(key, new Map());
        const points = groups.get(key);
        points.set(row[plan.x], [...(points.get(row[plan.x]) || []), real(row[plan.y])]);
      }
      const lines = [...groups].map(([name, points]) => ({ name, points: [...points].map(([x, values]) => [x, median(values)]) }));
      const text = lines.some((line) => line.points.some(([x]) => typeof x === "string"));
      if (text) return bars(plan, lines);
      lines.forEach((line) => line.points.sort((a, b) => a[0] - b[0]));
      return chart({ title: worded(plan, "title"), x: plan.x.replaceAll("_", " "), lines, log: plan.log_y, logX: plan.log_x });
    });
  }

  function bars(plan, lines) {
    const most = Math.max(...lines.flatMap((line) => line.points.map(([, value]) => Math.abs(value))).filter(Number.isFinite), 1e-30);
    return el("figure", {}, el("figcaption", {}, el("b", {}, worded(plan, "title"))), el("table", { class: "bars" }, el("tbody", {}, lines.flatMap((line, i) => line.points.map(([x, value]) => {
      const meter = Gradwell.svg("svg", { class: "meter", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, Gradwell.svg("rect", { class: `dot c${i % 6}`, width: (100 * Math.min(Math.abs(value), most)) / most, height: 10 }));
      return el("tr", {}, el("th", { scope: "row" }, plan.by ? `${x}, ${line.name}` : String(x)), el("td", {}, meter), el("td", {}, number(value)));
    })))));
  }

  function median(values) {
    const sorted = values.slice().sort((a, b) => a - b), half = sorted.length >> 1;
    return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  }
})();
