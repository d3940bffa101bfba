// The secret of an invitation stands behind the #, which never leaves the browser but in this form.
const secret = decodeURIComponent(location.hash.slice(1));
if (secret) {
  history.replaceState(null, "", location.pathname + location.search);
  document.getElementById("invitation").elements.token.value = secret;
}
