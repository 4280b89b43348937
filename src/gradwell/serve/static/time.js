// A run's recurrent layers through time: gradient by step and by lag, memory horizon, gates and cells as time by unit; runs laid over each other.
"use strict";
(() => {
  const { el, number, ask, chart, heat, scales, page } = Gradwell;

  page("time", "Through time", async (body, path, run) => {
    const layers = (await ask(`${path}/time`)).filter((layer) => layer.by_step.length);
    if (!layers.length) {
      body.append(el("p", {}, "This run has no recurrent layer that was looked at. nn.RNN, nn.GRU and nn.LSTM are seen."));
      return;
    }
    const others = (await ask("/api/runs")).filter((one) => one.name !== run.name && !one.error);
    const looks = Math.max(...layers.map((layer) => layer.by_step.length));
    const which = el("select", { onchange: show }, layers.map((layer, i) => el("option", { value: i }, title(layer))));
    const look = el("input", { type: "range", min: 0, max: looks - 1, value: looks - 1, oninput: show });
    const beside = el("select", { onchange: show }, el("option", { value: "" }, "nothing"), others.map((one) => el("option", { value: one.name }, one.name)));
    const at = el("output", {}), plots = el("div", { class: "grid" }), gates = el("div", {});
    body.append(el("div", { class: "form" }, el("label", {}, "Layer", which), el("label", {}, el("span", {}, "Look at ", at), look), el("label", {}, "Laid over", beside)), plots, gates);
    let asked = 0;
    await show();

    async function show() {
      const mine = ++asked, layer = layers[which.value], i = Math.min(look.value, layer.by_step.length - 1), [step] = layer.by_step[i];
      at.textContent = `step ${number(step)}`;
      const over = beside.value ? await ask(`/api/runs/${encodeURIComponent(beside.value)}/time`) : [];
      if (mine !== asked) return;
      const also = [...layers.filter((other) => other !== layer).map((other) => [title(other), other]), ...over.map((other) => [`${beside.value}: ${title(other)}`, other])];
      const all = [[title(layer), layer], ...also].filter(([, one]) => one.by_step.length).slice(0, 6);
      const last = (looked) => (looked[Math.min(i, looked.length - 1)] || [0, []])[1];
      plots.replaceChildren(
        chart({ title: "Gradient by time step", about: "norm of dL/dh at each step of the sequence", x: "time step", log: true, lines: all.map(([name, one]) => ({ name, points: last(one.by_step).filter(([, v]) => v > 0) })) }),
        chart({ title: "Gradient of the recurrent weight by lag", about: "short paths against long ones; the last lag holds all that is longer", x: "lag", lines: all.map(([name, one]) => ({ name, points: last(one.by_lag).map((v, lag) => [lag, v]) })) }),
        chart({ title: "Memory horizon", about: "steps after which the median unit has forgotten all but 1/e", lines: all.map(([name, one]) => ({ name, points: one.horizon })) }));
      gates.replaceChildren(...maps(layer, step));
    }
  });

  const title = (layer) => `${layer.module} (${layer.type})`;

  /** Gates and cells of one example as time by unit, at the look nearest to a step. */
  function maps(layer, step) {
    if (!layer.gates.length) return [];
    const [at, seen] = layer.gates.reduce((best, one) => (Math.abs(one[0] - step) < Math.abs(best[0] - step) ? one : best));
    const steps = seen.steps;
    return [el("h2", {}, `Inside, for one example, at step ${number(at)}`), el("div", { class: "grid" }, Object.entries(seen.maps).map(([name, units]) => {
      const most = units.flat().reduce((a, b) => Math.max(a, Math.abs(b)), 0), gate = seen.gates.includes(name);
      return heat({ title: name, about: gate ? "0 is shut, 1 is open" : "", rows: seen.units.map((unit) => `unit ${unit}`), columns: steps, values: units, height: 9, labels: false,
        scale: gate ? scales.share() : scales.signed(most), words: (i, j, value) => `${name}, unit ${seen.units[i]}, time step ${steps[j]}: ${number(value)}` });
    }))];
  }
})();
