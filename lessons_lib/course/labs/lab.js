// The page's half of a laboratory: labelled controls, the picture, the words under it. Python's half is lab.py.
//
// A control that moves asks the kernel for a picture. While one is being drawn, only the latest wish is kept, so a drag
// redraws as fast as the kernel can and ends where the hand ended.

const PATIENCE = 4000; // milliseconds without an answer, after which the laboratory may be asleep
const PACE = 700; // milliseconds that a walk rests at each place
let made = 0; // laboratories on this page, for their elements' ids

function element(tag, properties = {}, ...children) {
  const one = Object.assign(document.createElement(tag), properties);
  one.append(...children);
  return one;
}

// One control: {node: what stands on the page, set(spec): shows its value and limits, value(): what it says}.
function control(spec, id, moved) {
  const label = element("label", { htmlFor: id, textContent: spec.label });
  if (spec.kind === "select") {
    const input = element("select", { id });
    input.append(...spec.options.map((text, place) => element("option", { value: place, textContent: text })));
    input.addEventListener("change", moved);
    const set = (now) => { input.value = now.value; };
    return { node: element("div", { className: "control" }, label, input), set, value: () => Number(input.value) };
  }
  if (spec.kind === "text") {
    const input = element("input", { id, type: "text", spellcheck: false });
    input.addEventListener("change", moved);
    const set = (now) => { input.value = now.value; };
    return { node: element("div", { className: "control" }, label, input), set, value: () => input.value };
  }
  const input = element("input", { id, type: "range", step: spec.step });
  const number = element("span", { className: "number", ariaHidden: "true" }); // a slider says its value itself
  const told = () => { number.textContent = input.value; };
  input.addEventListener("input", () => { told(); moved(); });
  const set = (now) => {
    Object.assign(input, { min: now.min, max: now.max, value: now.value });
    told();
  };
  const node = element("div", { className: "control" }, label, input, number);
  return { node, set, value: () => Number(input.value), input };
}

function render({ model, el }) {
  const root = `lessons-lab-${++made}`;
  const words = element("figcaption", { id: `${root}-words` });
  words.setAttribute("aria-live", "polite");
  const image = element("img");
  image.setAttribute("aria-labelledby", words.id);
  const asleep = element("p", { className: "asleep", hidden: true });
  asleep.setAttribute("role", "status");
  asleep.textContent =
    "No answer yet. If no other cell is running, the laboratory sleeps: click this cell and press Shift+Enter to wake it.";
  const bar = element("div", { className: "controls" });
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", "the laboratory's controls");
  el.append(element("figure", { className: "lessons-lab" }, bar, image, words, asleep));

  let waiting = false;
  let wish = null;
  let timer = null;
  let walk = null;

  function ask(values) {
    wish = { ...wish, ...values };
    if (!waiting) send();
  }
  function send() {
    waiting = true;
    const number = (model.get("asked").number ?? 0) + 1;
    model.set("asked", { number, ...wish });
    wish = null;
    model.save_changes();
    timer = setTimeout(() => { asleep.hidden = false; }, PATIENCE);
  }

  const controls = {};
  for (const spec of model.get("shown")) {
    const one = control(spec, `${root}-${spec.name}`, () => ask({ values: { ...wish?.values, [spec.name]: one.value() } }));
    controls[spec.name] = one;
    bar.append(one.node);
    if (spec.walks) one.node.append(player(spec, one));
  }
  for (const name of [...model.get("buttons"), "reset"]) {
    const button = element("button", { type: "button", textContent: name });
    button.addEventListener("click", () => ask({ pressed: name, values: {} }));
    bar.append(button);
  }

  for (const one of bar.querySelectorAll("input, select, button")) {
    one.dataset.lmSuppressShortcuts = "true"; // JupyterLab's own keys, such as End, would take the focus away
  }

  function player(spec, one) {
    const button = element("button", { type: "button", className: "player", textContent: "▶" });
    button.setAttribute("aria-label", `play ${spec.label}`);
    const stop = () => {
      clearInterval(walk);
      walk = null;
      button.textContent = "▶";
      button.setAttribute("aria-label", `play ${spec.label}`);
    };
    const step = () => {
      if (waiting) return;
      if (!button.isConnected || Number(one.input.value) >= Number(one.input.max)) return stop();
      one.input.value = Number(one.input.value) + Number(one.input.step);
      one.input.dispatchEvent(new Event("input"));
    };
    button.addEventListener("click", () => {
      if (walk !== null) return stop();
      button.textContent = "❚❚";
      button.setAttribute("aria-label", `pause ${spec.label}`);
      if (Number(one.input.value) >= Number(one.input.max)) {
        one.input.value = one.input.min;
        one.input.dispatchEvent(new Event("input"));
      }
      walk = setInterval(step, PACE);
    });
    return button;
  }

  function show() {
    if (image.src !== model.get("picture")) image.src = model.get("picture");
    words.innerHTML = model.get("words");
    if (wish === null) for (const spec of model.get("shown")) controls[spec.name].set(spec);
  }
  function answered() {
    if (model.get("answered") < (model.get("asked").number ?? 0)) return;
    clearTimeout(timer);
    asleep.hidden = true;
    waiting = false;
    show();
    if (wish !== null) send();
  }
  const changed = () => { if (!waiting) show(); };
  model.on("change:answered", answered);
  model.on("change:picture change:words change:shown", changed);
  show();
  return () => {
    clearInterval(walk);
    clearTimeout(timer);
    model.off("change:answered", answered);
    model.off("change:picture change:words change:shown", changed);
  };
}

export default { render };
