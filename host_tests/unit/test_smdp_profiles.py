"""The profiles of the scripted SM-DP+, and the test chain in files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tools.modem.card.euicc import Euicc
from tools.modem.card.profile import Profile
from tools.modem.card.rsp import chain, elements, folder, identity
from tools.world.services.smdp.profiles import SMALLEST, package

ICCID, IMSI = "8949030000000000111", "262011234500001"


@pytest.mark.parametrize("size", [SMALLEST, 700, 701, 767, 768, 12_309, 15_000, 40_000, 65_990, 66_100])
def test_a_profile_of_any_size(size: int):
    made = package(ICCID, IMSI, size)
    assert len(made) == size and elements.read(made) == (ICCID, IMSI)
    assert made != package(ICCID, IMSI[:-1] + "2", size)


def test_a_profile_that_would_be_too_small():
    with pytest.raises(ValueError, match="100 bytes are too few"):
        package(ICCID, IMSI, 100)


@pytest.mark.parametrize("cut", [1, 4, 100, 500])
def test_elements_that_are_none(cut: int):
    made = package(ICCID, IMSI, 800)
    for wrong in (made[:-cut], made[cut:], made + made[:cut]):
        with pytest.raises(elements.ElementError):
            elements.read(wrong)


def test_the_chain_in_files_is_the_identity_of_a_card(tmp_path: Path):
    folder.write(tmp_path, ("localhost",))
    loaded = folder.load(tmp_path)
    ours = identity.of(folder.EID)
    assert (loaded.eid, loaded.certificates, loaded.roots) == (ours.eid, ours.certificates, ours.roots)
    card = Euicc([Profile("8931440400012345678", "204046612345678")], identity=loaded)
    assert card.es10(bytes.fromhex("BF3E035C015A"))[-16:] == ours.eid
    for each in tmp_path.glob("*.pem"):
        each.unlink()
    assert folder.load(tmp_path).certificates == ours.certificates  # by .der


def test_a_card_may_trust_several_roots(tmp_path: Path):
    folder.write(tmp_path, ())
    (tmp_path / "ci-others.pem").write_text(chain.ci("CI of others").pem)
    assert set(folder.load(tmp_path).roots) == {chain.ci().key_id, chain.ci("CI of others").key_id}


def test_files_that_are_no_identity(tmp_path: Path):
    with pytest.raises(folder.IdentityError, match=r"neither euicc\.pem nor euicc\.der"):
        folder.load(tmp_path)
    folder.write(tmp_path, ())
    good = tmp_path / "good"
    shutil.copytree(tmp_path, good)
    for name, content, said in (
        ("euicc.pem", "nothing", r"euicc\.pem"),
        ("euicc.pem", chain.eum().pem, "no EID of 32 digits"),
        ("euicc.key", "nothing", r"euicc\.key"),
        ("euicc.key", chain.eum().key_pem, "not the key"),
        ("eum.pem", chain.ci().pem, "not issued"),
    ):
        (tmp_path / name).write_text(content)
        with pytest.raises(folder.IdentityError, match=said):
            folder.load(tmp_path)
        shutil.copy(good / name, tmp_path / name)
    assert folder.load(tmp_path).eid.hex() == folder.EID
