// On every page: times in the viewer's zone, countries in his language, a question before what acts.
import { _, country, language, make, offset, show } from "./words.js";

const every = (selector, act) => document.querySelectorAll(selector).forEach(act);
const tell = () => every("time", show);
tell();
setInterval(tell, 30_000);
every(".zone", (it) => it.append(offset));
every("[data-country]", (it) => {
  const isBare = it.textContent === it.dataset.country;
  if (isBare || language !== "en") it.textContent = country(it.dataset.country, it.textContent);
});
document.querySelector("[aria-invalid]")?.focus(); // what was refused is seen at once
every("form[data-confirm]", (form) => form.addEventListener("submit", (event) => {
  const asked = question(form);
  if (asked && !window.confirm(asked)) event.preventDefault();
}));

// On a phone a row of a table is a card: its values say what they are.
every(".card table:not(.alarms):has(thead)", (table) => {
  const heads = [...table.tHead.rows[0].cells].map(({ textContent }) => textContent.trim());
  const rows = [...table.tBodies].flatMap((body) => [...body.rows]);
  table.classList.toggle("stack", rows.length > 0);
  for (const { cells } of rows) {
    [...cells].forEach((cell, i) => {
      if (cell.colSpan === 1 && i) cell.dataset.label = heads[i];
      if (cell.classList.replace("sentence", "said")) cell.append(make("span", { class: "sentence" }, ...cell.childNodes));
      if (["", "–"].includes(cell.textContent.trim()) && !cell.querySelector("input, meter")) cell.dataset.empty = "";
    });
  }
});

// A menu closes when one goes elsewhere, or asks for it.
const menu = document.querySelector(".menu");
document.addEventListener("click", ({ target }) => menu?.contains(target) || menu?.removeAttribute("open"));
menu?.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape" || !menu.open) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

/** The question of a form, with what is chosen in it; empty if nothing was changed in a form of changes. */
function question(form) {
  const value = (name) => form.elements[name]?.value ?? "";
  const boxes = (it) => [...it.querySelectorAll("input")];
  const differs = (it) => {
    if (it.tagName === "DIV") return boxes(it).some((box) => box.checked !== box.defaultChecked);
    return it.tagName === "SELECT" ? !it.selectedOptions[0].defaultSelected : it.value !== it.defaultValue;
  };
  const chosen = (it) => {
    if (it.tagName === "DIV") return boxes(it).filter(({ checked }) => checked).map(({ labels }) => labels[0].textContent.trim()).join(_(", ")) || "–";
    return it.tagName === "SELECT" ? it.selectedOptions[0].textContent : `${it.value} ${it.dataset.unit}`.trim();
  };
  const changes = [...form.querySelectorAll("[data-title]")].filter(differs).map((it) => (
    _("{title}: {value}", { title: it.dataset.title, value: chosen(it) })
  ));
  if (!changes.length && form.dataset.confirm.includes("{changes}")) return "";
  const text = { verb: () => `${value("verb")} ${value("argument")}`.trim(), changes: () => changes.join(_(", ")) };
  return form.dataset.confirm.replace(/\{(verb|changes)\}/g, (whole, name) => text[name]());
}
