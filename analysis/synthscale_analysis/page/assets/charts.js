// Charts: drawn when they come near the view, and again when the theme or the filter of methods changes.
"use strict";
(function () {
  const CONFIG = {
    responsive: true,
    displaylogo: false,
    modeBarButtons: [["toImage", "resetScale2d"]],
    toImageButtonOptions: { format: "png", scale: 3, filename: "synthscale" },
  };
  const PRINT_WIDTH_PIXELS = 680; // A4 and letter between the page's margins
  const LEGEND_GAP_PIXELS = 64; // the axis's numbers and title
  const MAX_BANDS = 3;
  const figures = new Map();
  const choices = new Map();

  function draw(element, figure) {
    figures.set(element, figure);
    render(element);
  }

  function render(element) {
    const page = synthscale.pageColours();
    const figure = synthscale.themeFigure(structuredClone(figures.get(element)), page);
    for (const trace of figure.data) if (trace.meta && synthscale.isHidden(trace.meta.method)) trace.visible = false;
    Plotly.react(element, figure.data, { ...figure.layout, ...looks(page, figure.layout) }, CONFIG);
    recallChoice(element);
    fitLegend(element);
    showBands(element);
    if (element.dataset.drawn) return;
    element.dataset.drawn = "yes";
    element.on("plotly_buttonclicked", ({ active }) => choices.set(element, active));
    element.on("plotly_afterplot", () => fitLegend(element));
    element.on("plotly_restyle", () => showBands(element));
  }

  // What a reader chose by the chart's buttons outlives a change of theme or filter.
  function recallChoice(element) {
    const active = choices.get(element);
    if (active === undefined) return;
    const [traces, layout] = element.layout.updatemenus[0].buttons[active].args;
    Plotly.update(element, traces, { ...layout, "updatemenus[0].active": active });
  }

  // What every figure takes from the page.
  function looks(page, layout) {
    const [paper, ink, rule] = ["--paper", "--ink", "--rule"].map((name) => `rgb(${page[name].join(",")})`);
    const family = window.getComputedStyle(document.documentElement).fontFamily;
    return {
      paper_bgcolor: paper,
      font: { family, size: 13, color: ink },
      hoverlabel: { bgcolor: paper, bordercolor: rule, align: "left", font: { family, size: 13, color: ink } },
      legend: { ...layout.legend, maxheight: 4000, ...legendPlace(layout) },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: `rgba(${page["--ink"].join(",")},0.35)`, activecolor: ink },
      ...(synthscale.isPrinting() ? { autosize: false, width: PRINT_WIDTH_PIXELS } : { autosize: true }),
    };
  }

  // A legend below the data stands as far below it in a low chart as in a high one: plotly counts in heights of the data.
  function legendPlace({ height, margin, legend }) {
    return legend.y < 0 ? { y: -LEGEND_GAP_PIXELS / (height - margin.t - LEGEND_GAP_PIXELS) } : {};
  }

  // The legend's height comes on top of the figure's own, so that many methods on a phone leave the data their room.
  function fitLegend(element) {
    const legend = element.querySelector(".legend .bg");
    const own = figures.get(element).layout.height;
    const wanted = own + (legend ? Math.ceil(legend.getBBox().height) : 0);
    if (own && Math.abs(element.layout.height - wanted) > 1) Plotly.relayout(element, { height: wanted });
  }

  // More bands than a few lie over each other and say nothing.
  function showBands(element) {
    const bands = element.data.flatMap((trace, place) => (trace.meta && trace.meta.band ? [place] : []));
    const shown = element.data.filter((trace) => trace.meta && [undefined, true].includes(trace.visible));
    const opacity = new Set(shown.map((trace) => trace.meta.method)).size <= MAX_BANDS ? 1 : 0;
    const stale = bands.filter((place) => element.data[place].opacity !== opacity);
    if (stale.length) Plotly.restyle(element, { opacity }, stale);
  }

  function renderAll() {
    for (const element of figures.keys()) render(element);
  }

  document.addEventListener("synthscale:theme", renderAll);
  document.addEventListener("synthscale:methods", renderAll);
  synthscale.draw = draw;
})();
