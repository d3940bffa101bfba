// What is done with the selected devices together: settings, a command, tags, share links.
import { post, refusal, wrong } from "./ask.js";
import { _, make } from "./words.js";

const AT_ONCE = 1000; // devices in one request
const dialog = document.getElementById("act");

/** Buttons of the bar act on the devices that `chosen()` gives; `done` is called afterwards. */
export function actOn(chosen, done) {
  const form = dialog.querySelector("form");
  const result = dialog.querySelector("[role=status]");
  document.querySelectorAll("[data-act]").forEach((button) => button.addEventListener("click", () => {
    const kind = button.dataset.act;
    dialog.querySelectorAll("fieldset").forEach((part) => {
      part.hidden = part.disabled = part.dataset.of !== kind;
    });
    dialog.querySelector("h2").textContent = `${button.textContent} (${chosen().length})`;
    form.dataset.kind = kind;
    result.replaceChildren();
    dialog.querySelector("button.main").hidden = false;
    dialog.showModal();
  }));
  dialog.querySelectorAll("[data-close]").forEach((button) => button.addEventListener("click", () => dialog.close()));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const go = dialog.querySelector("button.main");
    go.disabled = true;
    try {
      const outcome = await send(form.dataset.kind, new FormData(form), chosen());
      go.hidden = true;
      result.replaceChildren(...report(outcome));
      await done();
    } catch (error) {
      result.replaceChildren(make("p", { class: wrong(error.message), role: "alert" }, error.message));
    } finally {
      go.disabled = false;
    }
  });
  settingFields(form);
}

/** The field of the chosen setting only, so that others stay as they are. */
function settingFields(form) {
  const show = () => form.querySelectorAll("[data-setting]").forEach((part) => {
    part.hidden = part.dataset.setting !== form.elements.setting.value;
  });
  form.elements.setting.addEventListener("change", show);
  show();
}

/** Ask for it, in as few requests as there can be. */
async function send(kind, given, devices) {
  const whole = { done: [], refused: [], links: [] };
  for (let i = 0; i < devices.length; i += AT_ONCE) {
    const answer = await post(`/v1/fleet/${kind}`, { ...bodyOf(kind, given), devices: devices.slice(i, i + AT_ONCE) });
    const found = await answer.json();
    if (!answer.ok) throw new Error(refusal(found));
    for (const part of Object.keys(whole)) whole[part].push(...found[part]);
  }
  return whole;
}

const list = (text) => text.split(",").map((each) => each.trim()).filter(Boolean);

function bodyOf(kind, given) {
  if (kind === "tags") return { add: list(given.get("add")), remove: list(given.get("remove")) };
  if (kind === "share-links") return { length: given.get("length").trim() };
  if (kind === "commands") {
    const argument = given.get("argument").trim();
    return { verb: given.get("verb"), argument: argument ? Number(argument) : null, expires: given.get("expires") };
  }
  const name = given.get("setting");
  const { scale } = dialog.querySelector(`[data-setting="${name}"]`).dataset;
  const value = given.getAll(name).reduce((sum, each) => sum + Math.round(Number(each.replace(",", ".")) * Number(scale)), 0);
  return { changes: { [name]: value } };
}

/** What has become of it, in words. */
function report({ done, refused, links }) {
  const found = [make("p", {}, _("Done for {number} devices", { number: done.length }))];
  if (refused.length) {
    const lines = refused.slice(0, 50).map(({ device, why }) => make("li", {}, `${device}: ${why}`));
    found.push(make("p", { class: "wrong" }, _("Refused for {number} devices", { number: refused.length })), make("ul", {}, ...lines));
  }
  if (links.length) {
    const text = links.map(({ container, path }) => `${container} ${location.origin}${path}`).join("\n");
    const area = make("textarea", { readonly: "", rows: Math.min(links.length, 12), "aria-label": _("Share links") }, text);
    found.push(make("p", {}, _("Copy the links now; they are not shown again:")), area);
  }
  return found;
}
