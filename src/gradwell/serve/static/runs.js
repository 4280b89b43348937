// The runs of the folder: list, filter, two of them on one plot.
"use strict";
(() => {
  const { el, number, when, ask, link, view, chart, draw, leaving, data } = Gradwell;
  view("runs", "Runs", true, async (main) => {
    const runs = await ask("/api/runs");
    main.append(el("h1", {}, "Runs"), el("p", { class: "sub" }, runs.length ? "Choose a run to look into it, or two to compare them." :
      "There are no runs yet: gradwell run train.py makes one, and it appears here."));
    const picked = new Set();
    const compare = el("button", { class: "main", disabled: true, onclick: () => { location.hash = link("compare", ...picked); } }, "Compare two");
    const filter = el("input", { type: "search", id: "filter", placeholder: "script, name or rule", oninput: show });
    const body = el("tbody", {});
    const rows = runs.map((run) => row(run, picked, compare));
    function show() {
      const wanted = filter.value.toLowerCase();
      body.replaceChildren(...rows.filter((one) => one.words().includes(wanted)).map((one) => one.node));
    }
    show();
    main.append(el("div", { class: "form" }, el("label", {}, "Filter", filter), compare),
      el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Runs" }, el("table", { class: "list" },
        el("thead", {}, el("tr", {}, ["", "run", "script", "updates", "loss", "findings", "started"].map((name) =>
          el("th", { scope: "col", class: name === "updates" || name === "loss" ? "number" : null }, name || el("span", { class: "quiet" }, "compare"))))),
        body)));
    let gone = false;
    leaving(() => { gone = true; watcher.disconnect(); });
    const waiting = [];  // rows on the screen that are not judged yet; one after the other, as judging a long run takes a while
    let judging = false;
    const watcher = new IntersectionObserver(async (seen) => {
      waiting.push(...seen.filter((one) => one.isIntersecting).map((one) => rows.find((row) => row.node === one.target)));
      if (judging) return;
      judging = true;
      while (!gone) {
        const next = waiting.shift() || rows.find((row) => !row.judged());  // first what is on the screen, then the rest, for the filter
        if (!next) break;
        await next.judge();
      }
      judging = false;
    });
    rows.forEach((row) => watcher.observe(row.node));
    const names = runs.map((run) => run.name).sort().join();
    const look = async () => {
      if (gone || data) return;
      const now = await ask("/api/runs").catch(() => runs);
      if (gone) return;
      if (now.map((run) => run.name).sort().join() !== names) draw();
      else setTimeout(look, 5000);
    };
    setTimeout(look, 3000);
  });

  function row(run, picked, compare) {
    const loss = el("td", { class: "number" }), found = el("td", {}, run.error ? el("span", { class: "wrong" }, run.error) : "");
    const box = el("input", { type: "checkbox", "aria-label": `compare ${run.name}`, disabled: Boolean(run.error), onchange: () => {
      if (box.checked) picked.add(run.name); else picked.delete(run.name);
      compare.disabled = picked.size !== 2;
    } });
    const live = !run.error && !run.finished && Date.now() / 1000 - run.started < 86400;
    const node = el("tr", {}, el("td", {}, box), el("th", { scope: "row" }, run.error ? run.name : el("a", { href: link("run", run.name) }, run.name), live ? [" ", el("span", { class: "live" }, "no end yet")] : null),
      el("td", {}, run.script), el("td", { class: "number" }, number(run.steps)), loss, found, el("td", {}, when(run.started)));
    let judged = false;
    const judge = async () => {
      if (run.error || judged) return;
      judged = true;
      try {
        const said = await ask(`/api/runs/${encodeURIComponent(run.name)}/findings`);
        loss.textContent = number(said.learned.last);
        found.replaceChildren(...(said.findings.length ? said.findings.map((one) => el("div", {}, `${one.code} ${one.name}`)) : [said.learned.answer === "yes" ? "all is well" : "none"]));
      } catch (error) {
        if (error instanceof Gradwell.Refused) found.replaceChildren(el("span", { class: "wrong" }, error.message)); else throw error;
      }
    };
    return { node, judge, judged: () => judged || Boolean(run.error), words: () => `${run.name} ${run.script} ${found.textContent}`.toLowerCase() };
  }

  view("compare", "Compare", false, async (main, ...names) => {
    const runs = await Promise.all(names.map((name) => ask(`/api/runs/${encodeURIComponent(name)}`)));
    main.append(el("h1", {}, "Compare"), el("p", { class: "sub" }, runs.map((run, i) => [i ? " and " : "", el("a", { href: link("run", run.name) }, run.name)])));
    const lines = runs.flatMap((run) => run.losses.map((loss) => ({ name: `${run.name}: ${loss.name}`, points: loss.points })));
    main.append(chart({ title: "Loss", lines }));
    const said = await Promise.all(names.map((name) => ask(`/api/runs/${encodeURIComponent(name)}/findings`)));
    main.append(el("div", { class: "grid" }, runs.map((run, i) => el("section", {}, el("h2", {}, run.name), el("p", {}, said[i].learned.because),
      el("ul", {}, said[i].findings.map((one) => el("li", {}, `${one.severity} ${one.code} ${one.name}: ${one.title}`)))))));
  });
})();
