// Starts the page: fills what comes near the view, minds print, panels and the mark in the contents.
"use strict";
(function () {
  const wide = window.matchMedia("(min-width: 64.001rem)");
  const waiting = new Set(document.querySelectorAll("main [data-source]"));

  function fill(element) {
    if (!waiting.delete(element)) return;
    near.unobserve(element);
    const data = JSON.parse(document.getElementById(element.dataset.source).textContent);
    if (!element.dataset.widget) synthscale.draw(element, data);
    else synthscale.widgets[element.dataset.widget](element, data);
  }

  const near = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => fill(entry.target)),
    { rootMargin: "600px" },
  );
  for (const element of waiting) near.observe(element);

  window.addEventListener("beforeprint", () => {
    synthscale.setPrinting(true);
    for (const element of [...waiting]) fill(element);
  });
  window.addEventListener("afterprint", () => synthscale.setPrinting(false));

  // Beside the text panels stand open; above it, on a phone, they open over it, one at a time.
  const panels = [...document.querySelectorAll(".panel")];
  function arrangePanels() {
    for (const panel of panels) panel.open = wide.matches;
  }
  arrangePanels();
  wide.addEventListener("change", arrangePanels);
  for (const panel of panels)
    panel.addEventListener("toggle", () => {
      if (!wide.matches && panel.open) for (const other of panels) if (other !== panel) other.open = false;
    });
  document.addEventListener("click", (event) => {
    const inPanel = event.target.closest(".panel");
    if (!wide.matches && (!inPanel || event.target.closest(".contents a"))) arrangePanels();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") arrangePanels();
  });

  document.querySelector(".theme").addEventListener("click", synthscale.toggleTheme);

  const links = new Map([...document.querySelectorAll(".contents a")].map((link) => [link.hash.slice(1), link]));
  const reading = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        for (const link of links.values()) link.removeAttribute("aria-current");
        links.get(entry.target.id).setAttribute("aria-current", "true");
      }
    },
    { rootMargin: "-20% 0px -70% 0px" },
  );
  for (const section of document.querySelectorAll("main > section")) reading.observe(section);
})();
