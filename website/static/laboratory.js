// Moves the laboratories of the pages: their pictures were drawn beforehand, one for each position of the controls.
document.addEventListener("DOMContentLoaded", () => {
  for (const laboratory of document.querySelectorAll(".laboratory")) {
    const table = JSON.parse(laboratory.querySelector("script").textContent);
    const inputs = [...laboratory.querySelectorAll("input[type=range]")];
    const outputs = [...laboratory.querySelectorAll("output")];
    const image = laboratory.querySelector("img");
    const words = laboratory.querySelector(".words");
    const show = () => {
      let place = 0;
      inputs.forEach((input, i) => {
        const position = table.positions[i][input.value];
        outputs[i].textContent = position;
        input.setAttribute("aria-valuetext", position);
        place = place * table.positions[i].length + Number(input.value);
      });
      image.src = table.files[place];
      image.width = table.widths[place];
      words.innerHTML = table.words[place];
      image.alt = words.textContent;
    };
    inputs.forEach((input) => input.addEventListener("input", show));
    const load = () => table.files.forEach((file) => { new Image().src = file; });
    laboratory.addEventListener("pointerenter", load, { once: true });
    laboratory.addEventListener("focusin", load, { once: true });
    show();  // a browser may have kept the sliders of the last visit
  }
});
