// A link from `landbridge web` has the token in its fragment (#), which never leaves the browser.
const secret = decodeURIComponent(location.hash.slice(1));
if (secret) {
  history.replaceState(null, "", location.pathname + location.search);
  const form = document.getElementById("sign-in");
  form.elements.token.value = secret;
  form.submit();
}
