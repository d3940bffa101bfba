// The secret of an invitation follows the #, which leaves the browser only in this form.
const secret = decodeURIComponent(location.hash.slice(1));
if (secret) {
  history.replaceState(null, "", location.pathname + location.search);
  document.getElementById("invitation").elements.token.value = secret;
}
