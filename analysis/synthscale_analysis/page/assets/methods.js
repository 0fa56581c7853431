// The filter of methods: what is switched off there is hidden in every chart.
"use strict";
(function () {
  const hidden = new Set();

  function boxes() {
    return [...document.querySelectorAll(".methods input")];
  }

  function update() {
    hidden.clear();
    for (const box of boxes()) if (!box.checked) hidden.add(box.value);
    document.querySelector(".hidden-count").textContent = hidden.size ? ` (${hidden.size} hidden)` : "";
    document.dispatchEvent(new CustomEvent("synthscale:methods"));
  }

  function paintSamples() {
    for (const sample of document.querySelectorAll(".sample"))
      sample.querySelector("line").setAttribute("stroke", synthscale.themed(sample.dataset.colour));
  }

  document.querySelector(".methods").addEventListener("change", update);
  for (const button of document.querySelectorAll("[data-all]"))
    button.addEventListener("click", () => {
      for (const box of boxes()) box.checked = button.dataset.all === "show";
      update();
    });
  document.addEventListener("synthscale:theme", paintSamples);
  paintSamples();
  synthscale.isHidden = (method) => hidden.has(method);
})();
