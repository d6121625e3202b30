"use strict";
// A sheet holds frames one below the other; the slider moves it behind the viewer.
function show(viewer, frame) {
  const count = Number(viewer.dataset.count);
  for (const layer of viewer.querySelectorAll(".layer")) {
    layer.style.backgroundPositionY = count > 1 ? (100 * frame / (count - 1)) + "%" : "0";
  }
}
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    for (const layer of entry.target.querySelectorAll(".layer")) {
      layer.style.backgroundImage = `url("${layer.dataset.sheet}")`;
    }
    seen.unobserve(entry.target);
  }
}, { rootMargin: "400px" });
for (const viewer of document.querySelectorAll(".viewer")) {
  const slider = viewer.nextElementSibling.querySelector("input");
  show(viewer, slider ? Number(slider.value) : 0);
  if (slider) slider.addEventListener("input", () => show(viewer, Number(slider.value)));
  seen.observe(viewer);
}
document.getElementById("show-organs").addEventListener("change", (event) => {
  document.body.classList.toggle("organs", event.target.checked);
});
document.getElementById("show-findings").addEventListener("change", (event) => {
  document.body.classList.toggle("hide-findings", !event.target.checked);
});
