// The alarms: select several, take one over, comment; afterwards the page is loaded again.
import { act } from "./ask.js";
import { _ } from "./words.js";

const boxes = [...document.querySelectorAll("input[name=alarm]")];
const all = document.getElementById("all");
const bulk = document.getElementById("bulk");
const chosen = () => boxes.filter((box) => box.checked).map((box) => Number(box.value));

/** Do it, and show what has become of it. */
async function send(path, body) {
  const refused = await act(path, body);
  if (refused) window.alert(refused);
  else location.reload();
}

function count() {
  const { length } = chosen();
  bulk.hidden = !length;
  document.getElementById("selected").textContent = length;
  all.checked = length > 0 && length === boxes.length;
  all.indeterminate = length > 0 && length < boxes.length;
}

if (bulk) {
  boxes.forEach((box) => box.addEventListener("change", count));
  all.disabled = !boxes.length;
  all.addEventListener("change", () => {
    boxes.forEach((box) => { box.checked = all.checked; });
    count();
  });
  document.getElementById("acknowledge-selected").addEventListener("click", () => {
    const alarms = chosen();
    const note = document.getElementById("note").value;
    if (window.confirm(_("Acknowledge {number} alarms?", { number: alarms.length }))) send("/v1/alarms/acknowledge", { alarms, note });
  });
  count(); // a browser may have kept the boxes
}
document.querySelectorAll("[data-do]").forEach((button) => button.addEventListener("click", () => {
  const row = button.closest("tr");
  const text = row.querySelector("[data-comment]").value;
  send(`/v1/alarms/${row.dataset.alarm}/${button.dataset.do}`, button.dataset.do === "comments" ? { text } : {});
}));
