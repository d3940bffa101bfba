"""Links that users get by mail: invitations, and to a new password when the old one is forgotten."""

import re
from dataclasses import replace
from email import message_from_string
from pathlib import Path

import pytest
from landbridge.config import Config, Mail, Web
from landbridge.core.errors import UserError
from landbridge.features.users import people as users
from landbridge.features.users.queries import people

from host_tests.support.agent import wait_until
from host_tests.support.fleet import NOW_S
from host_tests.support.mail import MailServer
from host_tests.support.pages import english
from host_tests.support.people import NEW, add_user, said
from host_tests.support.site import house_of, invitation_in


@pytest.mark.parametrize(
    ("mail", "is_good"),
    [("anna@example.org", True), ("", True), ("anna", False), ("a@b@c", False), ("a b@c.org", False),
     ("a@b.org\nBcc: x@y.org", False), ("<a@b.org>", False), ("ä@b.org", False), ("a@" + 300 * "b", False)],
)  # fmt: skip
def test_a_mail_address_is_checked(mail: str, is_good: bool):
    if is_good:
        assert users.checked_mail(mail) == (mail or None)
    else:
        with pytest.raises(UserError, match="is not a mail address"):
            users.checked_mail(mail)


def test_an_invitation_is_mailed_in_the_language_of_the_page(tmp_path: Path):
    server = MailServer()
    mail = Mail("127.0.0.1", server.server_address[1], tls=False, sender="fleet@example.org")
    config = replace(Config(), mail=mail, web=Web(url="https://fleet.example"))
    with house_of(tmp_path, config) as site:
        site.root.get("/users?language=zh")
        fields = {"role": "reader", "tenant": "acme", "mail": "wu@example.org"}
        shown = site.root.post("/users", name="wu", **fields)
        (mailed,) = server.mails
        found = message_from_string(mailed)
        content = found.get_payload(decode=True)
        assert isinstance(content, bytes) and found["To"] == "wu@example.org"
        secret = re.findall(r"https://fleet\.example/invitation#([\w-]{43})\n", content.decode())[0]
        named = {"https", "fleet", "example", "invitation", "wu"}
        assert english(content.decode().replace(secret, "")) <= named
        assert secret not in shown.text and "已发送邮件" in shown.text
        wu = site.visitor()
        wu.get("/invitation")
        assert wu.post("/invitation", token=secret, password=NEW, again=NEW).status == 303
        # Its link is shown when no server takes it.
        server.answer = lambda command: "550 no" if command.upper().startswith("RCPT") else "250 yes"
        site.root.get("/users")
        shown = site.root.post("/users/wu/invite")
        assert invitation_in(shown.text) and "邮件服务器未接受发往 wu@example.org 的邀请" in shown.text
        token = site.pages.token("t", "admin")
        assert site.api("/users/wu/invitation", token, "POST")[1]["mailed"] is False
    server.shutdown()
    server.server_close()


def secret_in(mailed: str) -> str:
    """The secret of the link in a mail."""
    content = message_from_string(mailed).get_payload(decode=True)
    assert isinstance(content, bytes)
    return str(re.findall(r"https://fleet\.example/invitation#([\w-]{43})\s", content.decode())[0])


def test_a_forgotten_password_is_replaced_by_a_link_that_works_once(tmp_path: Path):
    server = MailServer()
    mail = Mail("127.0.0.1", server.server_address[1], tls=False, sender="fleet@example.org")
    config = replace(Config(), mail=mail, web=Web(url="https://fleet.example"))
    with house_of(tmp_path, config) as site:
        add_user(site.database, "wu", tenant="acme")
        for name, address in (("wu", "Wu@example.org"), ("new", "new@example.org")):
            with site.database.writing() as connection:
                row = people.named(connection, name)
                if row is None:
                    users.add(connection, name, "reader", None, address, "bench", NOW_S)
                else:
                    people.change(connection, row.user, mail=address)
        signed_in = site.visitor("wu")
        texts = set()
        # Nobody of that name, no mailbox, no password yet; then twice the right one.
        for given in ("nobody", "root", "new", "new@example.org", "wu", " wu@EXAMPLE.org "):
            asks = site.visitor()
            asks.get("/sign-in/forgotten?language=zh")
            got = asks.post("/sign-in/forgotten", name=given)
            assert got.status == 200
            texts.add(re.sub(r'value="\w*"', "", got.text))
        assert len(texts) == 1
        (main,) = re.findall(r"<main.*</main>", texts.pop(), re.DOTALL)
        assert "60" in main and not english(re.sub(r"<[^>]*>", " ", main))
        wait_until(lambda: len(server.mails) == 2, "two mails")
        found = [message_from_string(each) for each in server.mails]
        assert [each["To"] for each in found] == ["Wu@example.org"] * 2
        links = [secret_in(each) for each in server.mails]
        assert links[0] != links[1]
        visitor = site.visitor()
        visitor.get("/invitation")
        fields = {"password": NEW, "again": NEW}
        assert "invalid or has expired" in said(visitor.post("/invitation", token=links[0], **fields))
        assert signed_in.get("/").status == 200
        assert visitor.post("/invitation", token=links[1], **fields).status == 303
        assert signed_in.get("/").location.startswith("/sign-in")
        assert visitor.get("/").status == 200
        again = site.visitor()
        again.get("/invitation")
        assert "invalid or has expired" in said(again.post("/invitation", token=links[1], **fields))
        assert again.sign_in("wu").status == 401 and again.sign_in("wu", NEW).status == 303
        token = site.pages.token("log", "reader", "acme")
        logged = {each["what"] for each in site.api("/audit", token)[1]["entries"]}
        assert {"password reset link requested for wu", "password of wu set"} <= logged
    server.shutdown()
    server.server_close()


def test_a_link_to_a_new_password_expires_and_is_not_sent_without_end(tmp_path: Path):
    server = MailServer()
    mail = Mail("127.0.0.1", server.server_address[1], tls=False, sender="fleet@example.org")
    with house_of(tmp_path, replace(Config(), mail=mail, web=Web(url="https://fleet.example"))) as site:
        for name in ("wu", "li"):
            add_user(site.database, name)
            with site.database.writing() as connection:
                row = people.named(connection, name)
                assert row is not None
                people.change(connection, row.user, mail=f"{name}@example.org")
        for _ in range(6):
            asks = site.visitor()
            asks.get("/sign-in/forgotten")
            assert asks.post("/sign-in/forgotten", name="wu").status == 200
        asks = site.visitor()
        asks.get("/sign-in/forgotten")
        assert asks.post("/sign-in/forgotten", name="li").status == 200
        # They are sent one after the other: with this one all are.
        wait_until(lambda: any("li@example.org" in each for each in server.mails), "the last mail")
        assert len(server.mails) == 4
        link = secret_in(server.mails[-1])
        site.at(NOW_S + users.RESET_S + 1)
        late = site.visitor()
        late.get("/invitation")
        assert "has expired" in said(late.post("/invitation", token=link, password=NEW, again=NEW))
        assert site.visitor().post("/sign-in/forgotten", name="li", csrf="x").status == 403
    server.shutdown()
    server.server_close()


def test_a_link_to_a_former_mail_address_no_longer_works(tmp_path: Path):
    with house_of(tmp_path, Config()) as site:
        with site.database.writing() as connection:
            users.add(connection, "wu", "reader", None, "wu@example.org", "bench", NOW_S)
        for mail, works in (("wu@example.org", True), ("other@example.org", False)):
            with site.database.writing() as connection:
                row = people.named(connection, "wu")
                assert row is not None
                users.set_mail(connection, row, mail, "bench", NOW_S)
                assert (row.user in people.invitation_ends(connection, NOW_S)) is works
