"""Users: invitations, passwords, second factor, sign-in sessions, tokens; and what a tenant sees of it."""

import json
import re
import time
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from landbridge.config import Config, Web
from landbridge.core.rate_limit import Buckets, Rate
from landbridge.db.database import open_database
from landbridge.features.integrations import queries as integrations
from landbridge.features.users import people as users
from landbridge.features.users import rules
from landbridge.features.users.queries import people, sessions, tokens
from landbridge.web import people as managed
from landbridge.web.auth import SESSION_S

from host_tests.support.fleet import NOW_S
from host_tests.support.pages import english
from host_tests.support.people import NEW, PASSWORD, Visitor, add_user, entry, said
from host_tests.support.site import Site, house_of, invitation_in


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with house_of(tmp_path_factory.mktemp("site")) as made:
        yield made


def test_an_invited_user_sets_a_password_once(site: Site):
    root = site.root
    root.get("/users")
    shown = root.post("/users", name="anna", role="operator", mail="", tenant="")
    secret = invitation_in(shown.text)
    assert shown.status == 200 and secret not in root.get("/users").text
    anna = site.visitor()
    form = anna.get("/invitation")
    assert secret not in form.text
    for given, repeated, why in (
        ("short", "short", "12 to 128 characters"),
        (PASSWORD, NEW, "the passwords do not match"),
        ("anna anna anna", "anna anna anna", "easily guessed"),
    ):
        refused = anna.post("/invitation", token=secret, password=given, again=repeated)
        assert refused.status == 400 and why in said(refused), why
        assert given not in refused.text
    entered = anna.post("/invitation", token=secret, password=PASSWORD, again=PASSWORD)
    assert (entered.status, entered.location) == (303, "/")
    cookie = entered.cookies["landbridge"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert anna.get("/").status == 200
    again = site.visitor()
    again.get("/invitation")
    used = again.post("/invitation", token=secret, password=NEW, again=NEW)
    assert used.status == 400 and "invalid or has expired" in said(used)
    assert site.visitor().sign_in("anna").status == 303
    assert site.visitor().sign_in("anna", NEW).status == 401


def test_an_invitation_expires_and_a_new_one_ends_the_old_one(site: Site):
    with site.database.writing() as connection:
        old = users.add(connection, "bert", "reader", None, "", "bench", site.now_s)
        row = people.find(connection, old.user)
        assert row is not None
        new = users.invite(connection, row, "bench", site.now_s)
    bert = site.visitor()
    bert.get("/invitation")
    assert "invalid" in said(bert.post("/invitation", token=old.secret, password=NEW, again=NEW))
    site.at(site.now_s + users.INVITATION_S)
    assert "invalid" in said(bert.post("/invitation", token=new.secret, password=NEW, again=NEW))
    site.at(NOW_S)
    assert bert.post("/invitation", token=new.secret, password=NEW, again=NEW).status == 303


def test_a_failed_sign_in_reveals_no_reason(site: Site):
    add_user(site.database, "carl")
    with site.database.writing() as connection:
        row = people.named(connection, "carl")
        assert row is not None
        users.disable(connection, row, "bench", NOW_S)
    with site.database.writing() as connection:
        users.add(connection, "dora", "reader", None, "", "bench", NOW_S)
    refused = [
        site.visitor(address=f"192.0.2.{number}").sign_in(name, password)
        for number, (name, password) in enumerate(
            [("carl", PASSWORD), ("dora", PASSWORD), ("nobody-is-this", PASSWORD), ("root", "wrong wrong")],
            20,
        )
    ]
    assert {each.status for each in refused} == {401}
    assert {said(each) for each in refused} == {"Sign-in failed. Check the token or password."}


def test_a_form_of_another_site_does_nothing(site: Site):
    root = site.root
    root.get("/users")
    root.csrf = "0" * 32
    for path, fields in (
        ("/users", {"name": "eve", "role": "admin"}),
        ("/users/root/disable", {}),
        ("/account/password", {"old": PASSWORD, "password": NEW, "again": NEW}),
        ("/account/tokens", {"name": "eve", "role": "admin"}),
        ("/account/second-factor", {}),
        ("/account/sessions/end-others", {}),
    ):
        assert root.post(path, **fields).status == 403, path
        root.csrf = "0" * 32
    stranger = site.visitor()
    stranger.get("/invitation")
    stranger.cookies.clear()
    assert stranger.post("/invitation", token="x", password=NEW, again=NEW).status == 403


def test_a_changed_password_ends_the_other_sessions(site: Site):
    add_user(site.database, "emil")
    here, there = (
        site.visitor("emil"),
        site.visitor("emil", address="198.51.100.7", browser="Safari (iPad)"),
    )
    here.get("/account")
    wrong = here.post("/account/password", old="wrong wrong", password=NEW, again=NEW)
    assert wrong.status == 400 and said(wrong) == "the current password is wrong"
    assert there.get("/account").status == 200
    assert here.post("/account/password", old=PASSWORD, password=NEW, again=NEW).status == 303
    assert there.get("/account").location.startswith("/sign-in")
    assert here.get("/account").status == 200
    assert site.visitor().sign_in("emil", NEW).status == 303


def test_sessions_are_listed_and_ended(site: Site):
    add_user(site.database, "fred")
    here = site.visitor("fred")
    there = site.visitor("fred", address="198.51.100.7", browser="Mozilla/5.0 (iPad) Safari/604.1")
    third = site.visitor("fred", browser="curl/8")
    shown = here.get("/account").text
    assert "198.51.100.7" in shown and "Safari, iPad" in shown and "curl" in shown
    number = re.findall(r"Safari, iPad.*?/account/sessions/(\d+)/end", shown)[0]
    stranger = site.root
    stranger.get("/account")
    assert stranger.post(f"/account/sessions/{number}/end").status == 404
    assert here.post(f"/account/sessions/{number}/end").status == 303
    assert there.get("/account").status == 303 and third.get("/account").status == 200
    assert here.post("/account/sessions/end-others").status == 303
    assert third.get("/account").status == 303 and here.get("/account").status == 200


def test_a_session_ends_when_it_is_idle_and_at_last(site: Site):
    add_user(site.database, "gerd")
    gerd = site.visitor("gerd")
    idle = site.visitor("gerd")
    step_s = sessions.IDLE_S - 60
    passed_s = 0
    while passed_s + step_s < SESSION_S:
        passed_s += step_s
        site.at(NOW_S + passed_s)
        assert gerd.get("/account").status == 200
        with site.database.writing() as connection:  # as web/uses.py does once a minute
            row = people.named(connection, "gerd")
            assert row is not None
            first = min(each.session for each in sessions.of_user(connection, row.user, site.now_s))
            sessions.note_use(connection, first, site.now_s)
    assert idle.get("/account").status == 303
    site.at(NOW_S + SESSION_S)
    assert gerd.get("/account").status == 303
    site.at(NOW_S)


def test_a_sign_in_has_a_new_cookie_whatever_the_browser_had(site: Site):
    add_user(site.database, "hans")
    hans = site.visitor()
    hans.get("/sign-in")
    hans.cookies["landbridge"] = planted = "A" * 43
    assert hans.post("/sign-in", name="hans", token=PASSWORD).status == 303
    assert hans.cookies["landbridge"] != planted
    first = hans.cookies["landbridge"]
    assert hans.sign_in("hans").status == 303
    old = site.visitor()
    old.cookies["landbridge"] = first
    assert old.get("/account").status == 303


def test_a_disabled_user_is_out_at_once_and_an_ended_one_for_good(site: Site):
    add_user(site.database, "ines", role="operator")
    ines, root = site.visitor("ines"), site.root
    ines.get("/account")
    token = re.findall(
        r'readonly value="([\w-]{43})"',
        ines.post("/account/tokens", name="mine", role="operator", length="").text,
    )[0]
    assert site.api("/devices", token)[0] == 200
    root.get("/users")
    assert root.post("/users/ines/disable").status == 303
    assert ines.get("/account").status == 303 and site.api("/devices", token)[0] == 401
    assert root.post("/users/ines/invite").status == 400
    assert root.post("/users/ines/enable").status == 303
    assert site.api("/devices", token)[0] == 200 and site.visitor().sign_in("ines").status == 303
    assert root.post("/users/ines/remove").status == 303
    assert site.api("/devices", token)[0] == 401 and site.visitor().sign_in("ines").status == 401
    add_user(site.database, "ines", NEW)
    assert site.api("/devices", token)[0] == 401


def test_the_last_administrator_stays(tmp_path: Path):
    with house_of(tmp_path) as site:
        root = site.root
        with site.database.writing() as connection:  # who has not accepted cannot take over
            users.add(connection, "later", "admin", None, "", "bench", NOW_S)
        add_user(site.database, "guest", role="admin", tenant="acme")
        root.get("/users")
        for path, fields in (
            ("/users/root/disable", {}), ("/users/root/remove", {}), ("/users/root/role", {"role": "reader"}),
        ):  # fmt: skip
            refused = root.post(path, **fields)
            assert refused.status == 400 and "last administrator" in said(refused), path
        add_user(site.database, "second", role="admin")
        assert root.post("/users/root/role", role="reader").status == 303
        assert root.get("/users").status == 403  # at once


def enrolled(site: Site, visitor: Visitor) -> tuple[str, list[str]]:
    """The secret and the recovery codes of a second factor that was switched on."""
    visitor.get("/account")
    assert visitor.post("/account/second-factor").status == 303
    shown = visitor.get("/account").text
    secret = re.findall(r"<code>([A-Z2-7]{32})</code>", shown)[0]
    assert "data:image/svg+xml" in shown
    wrong = visitor.post("/account/second-factor/confirm", code="000000")
    assert wrong.status == 400 and "is wrong" in said(wrong)
    done = visitor.post("/account/second-factor/confirm", code=site.code(secret))
    codes = re.findall(r"<code>((?:\w{4}-){3}\w{4})</code>", done.text)
    assert done.status == 200 and len(set(codes)) == 10 and secret not in done.text
    again = visitor.get("/account").text
    assert secret not in again and not any(each in again for each in codes)
    return secret, codes


def test_a_second_factor_is_asked_for_and_no_code_works_twice(site: Site):
    add_user(site.database, "jana")
    secret, codes = enrolled(site, site.visitor("jana"))
    jana = site.visitor()
    assert jana.sign_in("jana").location == "/sign-in/code?after=/"
    # Until then the cookie opens nothing.
    assert jana.get("/account").location.startswith("/sign-in")
    before = jana.cookies["landbridge"]
    jana.get("/sign-in/code")
    used = jana.post("/sign-in/code", code=site.code(secret))  # it confirmed the secret
    assert used.status == 400 and "is wrong" in said(used)
    site.at(NOW_S + 30)
    assert jana.post("/sign-in/code", code=f" {site.code(secret)[:3]} {site.code(secret)[3:]}").status == 303
    assert jana.cookies["landbridge"] != before and jana.get("/account").status == 200
    replayed = site.visitor()
    replayed.sign_in("jana")
    replayed.get("/sign-in/code")
    assert replayed.post("/sign-in/code", code=site.code(secret)).status == 400
    assert replayed.post("/sign-in/code", code=site.code(secret, -1)).status == 400
    assert replayed.post("/sign-in/code", code=codes[3].upper()).status == 303
    other = site.visitor(address="192.0.2.77")
    other.sign_in("jana")
    other.get("/sign-in/code")
    # Five attempts, then it is slow from wherever they come: three of them are used up.
    tried = [other.post("/sign-in/code", code=codes[3]).status for _ in range(3)]
    assert tried[0] in (400, 429) and tried[-1] == 429
    assert other.get("/account").status == 303
    site.at(NOW_S)


def test_the_pages_of_people_have_no_english_left_in_chinese(site: Site):
    add_user(site.database, "mei", role="admin")
    mei = site.visitor("mei")
    enrolled(site, mei)
    for path in ("/account?language=zh", "/users", "/sign-in/code", "/invitation"):
        # What people and browsers are called.
        shown = re.sub(r"<(th scope=\"row\"|td|small|h1|code)>[^<]*", "", mei.get(path).text)
        assert english(re.sub(r"[a-z-]+(?= ·|</a>| 的|？)", "", shown)) == set(), path
    mei.sign_in("mei")
    assert english(mei.get("/sign-in/code").text) == set()
    refused = mei.post("/sign-in/code", code="1")
    assert refused.status == 400 and english(refused.text) == set()
    mei.get("/invitation")
    wrong = mei.post("/invitation", token="x", password=NEW, again=NEW)
    assert wrong.status == 400 and english(wrong.text) == set()


def test_a_second_factor_ends_with_a_code_or_by_an_administrator(site: Site):
    add_user(site.database, "kurt")
    kurt = site.visitor("kurt")
    _, codes = enrolled(site, kurt)
    assert kurt.post("/account/second-factor/disable", code="123456").status == 400
    renewed = kurt.post("/account/second-factor/codes", code=codes[0])
    fresh = re.findall(r"<code>((?:\w{4}-){3}\w{4})</code>", renewed.text)
    assert len(fresh) == 10 and not set(fresh) & set(codes)
    root = site.root
    root.get("/users")
    assert root.post("/users/kurt/second-factor/disable").status == 303
    assert site.visitor().sign_in("kurt").location == "/"


def test_secrets_of_the_second_factor_are_not_in_the_database(site: Site):
    add_user(site.database, "lisa")
    secret, codes = enrolled(site, site.visitor("lisa"))
    with site.database.reading() as connection:
        row = people.named(connection, "lisa")
    assert row is not None and secret.encode() not in row.totp
    kept = b"".join(
        file.read_bytes() for file in Path(site.database.place).parent.glob("landbridge.sqlite3*")
    )
    for each in (secret, *codes, codes[0].replace("-", "")):
        assert each.encode() not in kept


def test_an_administrator_must_set_up_a_second_factor_where_it_is_required(tmp_path: Path):
    config = replace(Config(), web=Web(admins_need_totp=True))
    with house_of(tmp_path, config) as site:
        add_user(site.database, "anna", role="operator")
        assert site.visitor("anna").get("/").status == 200
        root = site.root
        for path in ("/", "/users", "/alarms"):
            assert root.get(path).location == "/account#second-factor", path
        assert root.get("/v1/users").status == 403
        assert root.post("/account/tokens", name="mine", role="admin").status == 303
        with site.database.reading() as connection:
            assert tokens.named(connection, "mine") == []
        assert "needs a second factor" in root.get("/account").text
        enrolled(site, root)
        assert root.get("/users").status == 200


def test_a_token_has_at_most_the_permissions_of_its_creator(site: Site):
    add_user(site.database, "mona", role="operator")
    mona = site.visitor("mona")
    mona.get("/account")
    assert mona.post("/account/tokens", name="more", role="admin").status == 403
    made = mona.post("/account/tokens", name="some", role="operator", length="30d")
    secret = re.findall(r'readonly value="([\w-]{43})"', made.text)[0]
    assert secret not in mona.get("/account").text
    asked = {"name": "some-more", "role": "reader"}
    assert site.api("/tokens", secret, "POST", asked)[0] == 403  # tokens make tokens only as administrators
    root = site.pages.token("for-mona", "admin")
    assert site.api("/users/mona", root, "PATCH", {"role": "reader"})[1]["role"] == "reader"
    assert site.api("/devices/lb-0001/commands", secret, "POST", {"verb": "locate"})[0] == 403
    assert site.api("/devices", secret)[0] == 200
    site.at(NOW_S + 30 * 86_400)
    assert site.api("/devices", secret)[0] == 401
    site.at(NOW_S)


def test_a_tenant_s_administrator_manages_the_tenant_s_people_only(site: Site):
    add_user(site.database, "acme-boss", role="admin", tenant="acme")
    add_user(site.database, "acme-anna", tenant="acme")
    add_user(site.database, "zeta-zoe", role="admin", tenant="zeta")
    foreign = site.pages.token("zeta-portal", "reader", "zeta")
    boss = site.visitor("acme-boss")
    shown = boss.get("/users").text
    assert "acme-anna" in shown and "zeta" not in shown and ">root<" not in shown
    assert "zeta" not in boss.get("/account").text
    for user in ("zeta-zoe", "root", "nobody"):
        for leaf, fields in (("role", {"role": "reader"}), ("disable", {}), ("end", {}), ("invite", {})):
            assert boss.post(f"/users/{user}/{leaf}", **fields).status == 404, (user, leaf)
    assert boss.post("/users", name="spy", role="admin", tenant="zeta").status == 403
    made = boss.post("/users", name="acme-ben", role="operator", tenant="")
    with site.database.reading() as connection:
        ben = people.named(connection, "acme-ben")
        (taken,) = tokens.named(connection, "zeta-portal")
    assert made.status == 200 and ben is not None and ben.tenant == "acme"
    assert boss.post(f"/account/tokens/{taken.token}/revoke").status == 404
    assert boss.post("/users/acme-anna/disable").status == 303
    assert site.visitor("zeta-zoe").get("/users").status == 200 and site.api("/devices", foreign)[0] == 200
    key = site.pages.token("acme-key", "admin", "acme")
    assert {each["user"] for each in site.api("/users", key)[1]["users"]} == {
        "acme-anna",
        "acme-ben",
        "acme-boss",
    }
    assert {each["tenant"] for each in site.api("/tokens", key)[1]["tokens"]} == {"acme"}
    assert site.api("/users/zeta-zoe", key)[0] == site.api("/users/zeta-zoe/sessions", key)[0] == 404
    assert site.api("/tokens", key, "POST", {"name": "spy", "tenant": "zeta"})[0] == 403
    assert site.api("/tokens", key, "POST", {"name": "acme-new"})[0] == 201


def test_users_over_http(site: Site):
    root = site.pages.token("users-over-http", "admin")
    status, made = site.api("/users", root, "POST", {"name": "nina", "role": "operator"})
    assert status == 201 and not made["mailed"] and "/invitation#" in made["link"]
    assert site.api("/users", root, "POST", {"name": "nina"})[0] == 400
    row = entry(site.api("/users", root)[1]["users"], "nina")
    assert (row["state"], row["role"], row["tenant"]) == ("invited", "operator", None)
    assert "hash" not in json.dumps(row) and "argon" not in json.dumps(row)
    nina = site.visitor()
    nina.get("/invitation")
    assert (
        nina.post("/invitation", token=made["link"].partition("#")[2], password=NEW, again=NEW).status == 303
    )
    (session,) = site.api("/users/nina/sessions", root)[1]["sessions"]
    assert (session["means"], session["browser"], session["current"]) == ("password", "Firefox, Linux", False)
    assert site.api(f"/users/nina/sessions/{session['session']}", root, "DELETE")[0] == 204
    assert site.api(f"/users/nina/sessions/{session['session']}", root, "DELETE")[0] == 404
    assert nina.get("/account").status == 303
    assert site.api("/users/nina", root, "PATCH", {"disabled": True})[1]["state"] == "disabled"
    assert site.api("/users/nina/invitation", root, "POST")[0] == 400
    assert site.api("/users/nina", root, "DELETE")[0] == 204
    assert site.api("/users/nina", root)[0] == 404
    page = site.api("/users?limit=1", root)[1]
    (first,) = page["users"]
    assert site.api(f"/users?limit=1&cursor={page['next']}", root)[1]["users"][0]["user"] > first["user"]


def test_readers_see_themselves_only(site: Site):
    add_user(site.database, "olaf")
    olaf = site.visitor("olaf")
    assert olaf.get("/users").status == olaf.get("/v1/users").status == 403
    assert olaf.get("/v1/users/root").status == olaf.get("/v1/users/root/sessions").status == 403
    assert json.loads(olaf.get("/v1/users/olaf").text)["state"] == "active"
    assert json.loads(olaf.get("/v1/users/olaf/sessions").text)["sessions"][0]["current"] is True
    assert json.loads(olaf.get("/v1/tokens").text) == {"tokens": [], "next": None}


def test_when_a_token_was_used_is_kept(tmp_path: Path):
    with house_of(tmp_path) as site:
        secret = site.pages.token("used", "reader")
        assert site.api("/devices", secret)[0] == 200
    database = open_database(tmp_path / "landbridge.sqlite3")
    with database.reading() as connection:
        (row,) = tokens.named(connection, "used")
    database.close()
    assert row.used_s == NOW_S


def test_threads_share_a_rate_limit():
    """As long as one is between its two accesses, the others do not find a full bucket."""
    buckets, rate = Buckets(), Rate(5, 0.0)

    class Slow(OrderedDict[Any, Any]):
        def pop(self, *given: Any) -> Any:
            found = super().pop(*given)
            time.sleep(0.001)
            return found

    buckets.left = Slow()
    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda _: buckets.take("anna", rate, 0.0), range(40)))
    assert sum(taken) == 5


def test_a_browser_is_named():
    edge = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/130.0 Safari/537.36 Edg/130.0"
    assert managed.browser(edge) == "Edge, Windows"
    assert managed.browser("python-requests/2.32") == "python-requests"
    assert managed.browser("") == ""


def test_roles_are_in_order():
    assert rules.lesser("admin", "reader") == rules.lesser("reader", "admin") == "reader"


def test_a_tenant_s_administrator_manages_integrations_and_geofences_of_the_tenant(site: Site):
    add_user(site.database, "bolt-boss", role="admin", tenant="bolt")
    add_user(site.database, "bolt-eyes", tenant="bolt")
    site.root.get("/integrations")
    foreign = {"kind": "webhook", "address": "http://10.0.0.1/hook", "tenant": "acme"}
    assert site.root.post("/integrations", name="of-acme", **foreign).status == 200
    boss = site.visitor("bolt-boss")
    assert "of-acme" not in boss.get("/integrations").text
    refused = boss.post("/integrations", name="inside", kind="webhook", address="https://10.0.0.1/hook")
    assert refused.status == 400 and "public host" in said(refused)
    wanted = {"name": "ours", "kind": "webhook", "address": "https://bolt.example/hook"}
    assert boss.post("/integrations", **wanted, tenant="acme").status == 403
    made = boss.post("/integrations", **wanted, what="event")
    secret = re.findall(r'readonly value="(whsec_[^"]+)"', made.text)[0]
    assert secret not in boss.get("/integrations").text
    again = boss.post("/integrations", **wanted)
    assert again.status == 400 and "there is an integration ours already" in said(again)
    with site.database.reading() as connection:
        (row,) = integrations.named(connection, "ours")
    assert (row.tenant, row.only_public, row.what) == ("bolt", True, ("event",))
    for path in ("/integrations/of-acme/remove", "/integrations/of-acme/discard/lb-0001"):
        assert boss.post(path).status == 404
    assert boss.post("/integrations/of-acme/change", address=wanted["address"]).status == 404
    moved = {"address": "https://10.0.0.1/hook", "what": "track", "paused": "1"}
    refused = boss.post("/integrations/ours/change", **moved)
    assert refused.status == 400 and "public host" in said(refused) and "10.0.0.1" in refused.text
    moved["address"] = "https://bolt.example/new"
    assert boss.post("/integrations/ours/change", **moved).status == 303
    with site.database.reading() as connection:
        (row,) = integrations.named(connection, "ours")
    assert (row.address, row.what, row.paused) == (moved["address"], ("track",), True)
    eyes = site.visitor("bolt-eyes")
    shown = eyes.get("/integrations").text
    assert "ours" in shown and "/remove" not in shown
    assert eyes.post("/integrations/ours/change", **moved).status == 403
    assert eyes.post("/integrations/ours/remove").status == eyes.post("/integrations", **wanted).status == 403
    shape = json.dumps({"type": "Point", "coordinates": [6.7, 51.4]})
    boss.get("/geofences")
    assert boss.post("/geofences", name="Bolt yard", geometry=shape, radius_m="500").status == 303
    add_user(site.database, "zeta-zed", role="admin", tenant="zeta")
    other = site.visitor("zeta-zed")
    assert "Bolt yard" not in other.get("/geofences").text
    assert boss.post("/integrations/ours/remove").status == 303
    with site.database.reading() as connection:
        assert integrations.named(connection, "ours") == []
