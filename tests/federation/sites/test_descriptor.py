"""A site is believed what it has signed, once, in order, and only of itself."""

import base64
import json
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.sites.saying import Speaker, new_key, public
from twinlake.federation.sites.descriptor import Known, SiteKeys, read_descriptor, sign_descriptor, to_document
from twinlake.federation.sites.errors import DescriptorRefusedError
from twinlake.testing.clock import START


@pytest.fixture(scope="module")
def speaker():
    return Speaker()


def refusal(signed, known, now=START):
    with pytest.raises(DescriptorRefusedError) as caught:
        read_descriptor(signed, known, now)
    return caught.value.reason


def test_what_is_signed_is_believed(speaker):
    said = speaker.descriptor()

    heard = read_descriptor(sign_descriptor(said, speaker.keys), speaker.known(), START)

    assert heard.descriptor == said
    assert heard.fingerprints == {speaker.keys[0].kid}
    assert heard.descriptor.collection_ids == {"A1B"}


def test_hearing_the_same_again_changes_nothing(speaker):
    signed = speaker.sign(speaker.descriptor(seq=7))
    first = read_descriptor(signed, speaker.known(), START)

    assert read_descriptor(signed, speaker.known(seq=7, content_sha256=first.content_sha256), START) == first


def test_what_is_not_signed_is_refused(speaker):
    (good,) = speaker.sign(speaker.descriptor())
    head, content, signature = good.split(".")
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": speaker.keys[0].kid}).encode()).rstrip(b"=").decode()
    changed = json.dumps({**to_document(speaker.descriptor()), "place": "Elsewhere"}).encode()
    tampered = base64.urlsafe_b64encode(changed).rstrip(b"=").decode()

    for signed in (
        [], [""], ["a.b"], [content], [f"{head}.{content}."], [f"{none}.{content}."], [f"{none}.{content}.{signature}"],
        [f"{head}.{tampered}.{signature}"], [f"{head}.{content}.{signature[:-4]}AAAA"],
    ):  # fmt: skip
        assert refusal(signed, speaker.known()) == "unsigned"
    assert refusal(["..", ".."], speaker.known()) == "unsigned"


def test_a_signature_of_another_kind_of_text_does_not_count(speaker):
    said = speaker.descriptor()

    assert refusal(speaker.sign(said, typ="JWT"), speaker.known()) == "unsigned"
    assert refusal(speaker.sign(said, typ="twinlake-join+jwt"), speaker.known()) == "unsigned"


def test_a_stranger_is_not_believed_even_under_the_name_of_a_key_that_is_trusted(speaker):
    stranger = Speaker()
    assert refusal(stranger.sign(stranger.descriptor()), speaker.known()) == "unknown-key"

    lent = SiteKeys(site=[{**public(stranger.keys[0]), "kid": speaker.keys[0].kid}], dedl=[])
    said = stranger.descriptor(keys=stranger.keys)
    signed = stranger.sign(msgspec.structs.replace(said, keys=lent), kid=speaker.keys[0].kid)
    assert refusal(signed, speaker.known()) == "unsigned"


def test_a_trusted_key_is_not_enough_where_it_is_only_named(speaker):
    stranger = new_key()
    said = speaker.descriptor(keys=[*speaker.keys, stranger])

    assert refusal(speaker.sign(said, keys=[stranger]), speaker.known()) == "unsigned"
    assert refusal(speaker.sign(said, keys=speaker.keys), speaker.known()) == "unsigned"


def test_it_speaks_of_itself_only(speaker):
    for other in (
        {"id": "extremes", "issuer": "urn:twinlake:site:extremes"},
        {"issuer": "urn:twinlake:site:central"},
    ):
        assert refusal(speaker.sign(speaker.descriptor(**other)), speaker.known()) == "other-site"
    lent = speaker.descriptor(token_url="https://climate.example.evil.test/token")
    assert refusal(speaker.sign(lent), speaker.known()) == "contradictory"
    assert refusal(speaker.sign(speaker.descriptor(protocol=2)), speaker.known()) == "other-protocol"


def test_it_ends_after_a_day(speaker):
    signed = speaker.sign(speaker.descriptor())

    read_descriptor(signed, speaker.known(), START + timedelta(hours=24))
    assert refusal(signed, speaker.known(), START + timedelta(hours=24, seconds=30)) == "expired"
    assert refusal(signed, speaker.known(), START - timedelta(seconds=31)) == "expired"
    eternal = speaker.descriptor(expires=int(START.timestamp()) + 10**9)
    assert refusal(speaker.sign(eternal), speaker.known()) == "expired"


def test_two_texts_of_one_number_contradict_each_other(speaker):
    first = read_descriptor(speaker.sign(speaker.descriptor(seq=3)), speaker.known(), START)
    other = speaker.sign(speaker.descriptor(seq=3, place="Elsewhere"))

    assert refusal(other, speaker.known(seq=3, content_sha256=first.content_sha256)) == "contradictory"
    assert refusal([*speaker.sign(speaker.descriptor(seq=3)), *other], speaker.known()) == "contradictory"


def test_what_is_too_large_is_not_looked_at(speaker):
    (good,) = speaker.sign(speaker.descriptor())

    assert refusal([good] * 5, speaker.known()) == "oversized"
    assert refusal([good + "A" * (4 << 20)], speaker.known()) == "oversized"
    many = to_document(speaker.descriptor()) | {"collections": [{"id": f"c{n}"} for n in range(5001)]}
    assert refusal(speaker.sign(many), speaker.known()) == "unreadable"


@pytest.mark.parametrize(
    "change",
    [
        {"seq": 0}, {"seq": "1"}, {"seq": True}, {"seq": 1 << 63}, {"url": "javascript:alert(1)"}, {"url": "https://["}, {"url": "http://h:99999"}, {"url": "https:///x"}, {"url": "https://h/"}, {"url": "https://a@b"}, {"id": "../x"}, {"role": "king"},
        {"keys": {"site": []}}, {"collections": [{}]}, {"collections": [{"id": "a", "items": -1}]}, {"exp": 1e308}, {"iat": -1}, {"services": {"a": "b"}}, {"services": {"a": "https://["}},
        {"operator": "x" * 501},
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(speaker, change):
    assert refusal(speaker.sign(to_document(speaker.descriptor()) | change), speaker.known()) == "unreadable"


@given(st.lists(st.integers(min_value=1, max_value=20), min_size=1, max_size=12))
def test_numbers_never_go_back(numbers):
    known, highest = _SPEAKER.known(), 0
    for seq in numbers:
        signed = _SPEAKER.sign(_SPEAKER.descriptor(seq=seq))
        if seq < highest:
            assert refusal(signed, known) == "rolled-back"
            continue
        heard = read_descriptor(signed, known, START)
        highest = seq
        known = _SPEAKER.known(seq=seq, content_sha256=heard.content_sha256)


@given(st.lists(st.lists(st.integers(min_value=0, max_value=5), min_size=1, max_size=3, unique=True), min_size=1, max_size=8))
def test_keys_follow_each_other_only_over_a_key_that_is_trusted(steps):
    fingerprints = frozenset({_RING[0].kid})
    for seq, chosen in enumerate(steps, 1):
        keys = [_RING[number] for number in chosen]
        signed = _SPEAKER.sign(_SPEAKER.descriptor(seq=seq, keys=keys), keys=keys)
        known = Known(id=_SPEAKER.id, fingerprints=fingerprints, seq=seq - 1)
        if fingerprints & {key.kid for key in keys}:
            fingerprints = read_descriptor(signed, known, START).fingerprints
            assert fingerprints == {key.kid for key in keys}
        else:
            assert refusal(signed, known) == "unknown-key"


_SPEAKER = Speaker()
_RING = [new_key() for _ in range(6)]
