"""The table of endings in runner.execute.conversation, cell by cell; and what the journal hears before the wire."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.ambient import NOON, CountingEntropy
from support.scripted import ScriptedCa

from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode
from runner.cmp.dialogue import Parties, State
from runner.cmp.protection import MacProtection, Peer
from runner.cmp.request import Order
from runner.cmp.transaction import start
from runner.execute.conversation import Conversation
from runner.execute.endings import Lost, Parked, Unsure, Won
from runner.execute.line import Line
from runner.execute.members import Member, Standing
from runner.lab.authority import open_lab
from runner.lab.rules import LabRules
from runner.manifest.limits import Limits
from runner.pki.certificates import parse_certificate
from runner.pki.mac_parameters import MacParameters
from runner.pki.macs import SharedSecret
from runner.pki.names import parse_name
from runner.pki.profile import Profile
from runner.pki.signers import PrivateKeySigner
from runner.state.inventory import Stage as At

RETRIES = 1


@dataclass
class Talk:
    """A CA with a script, and conversations with it. `heard` is everything in order: journal and wire."""

    hours: object
    ca: ScriptedCa
    parties: Parties
    order: Order
    signer: object
    entropy: object = field(default_factory=CountingEntropy)
    heard: list = field(default_factory=list)
    noted: list = field(default_factory=list)

    def __post_init__(self):
        self.ca.watch = lambda *event: self.heard.append(event)

    async def keep(self, changes):
        for stage, dialogue, check_after, _reference in changes:
            self.heard.append(("journal", stage.value, dialogue.state.value))
            self.noted.append((stage, dialogue, check_after))

    async def rest(self, seconds):
        self.heard.append(("rest", seconds))
        self.hours.loop.jump(seconds)

    def conversation(self, dialogue, **more):
        limits = Limits(retries=RETRIES)
        line = Line(self.ca, limits, self.hours.clock, CountingEntropy())
        options = {"max_wait": 60.0, "rest": self.rest, **more}
        self.member = Member(self.order, self.parties, dialogue, lambda *change: change, None)
        return Conversation([self.member], line, self.hours.clock, self.entropy, self.keep, **options)

    def begin(self, *script, **more):
        self.ca.script.extend(script)
        dialogue = start(self.order, self.parties, self.signer, self.hours.clock.now(), self.entropy)
        self.hours.run(self.conversation(dialogue, **more).begin())
        return self.member.ending

    def resume(self, *script, noted=-1, **more):
        """What another process does with what the journal has."""
        stage, dialogue, check_after = self.noted[noted]
        self.heard.clear()
        self.ca.script.extend(script)
        self.hours.run(self.conversation(dialogue, **more).resume([Standing(stage, check_after)]))
        return self.member.ending


def make_talk(hours, *, implicit=False, strange=False, **rules):
    """`strange`: we trust another CA than the one that answers."""
    ca = ScriptedCa(open_lab(None, hours.clock, CountingEntropy(count(1 << 32)), LabRules(**rules)), hours.clock)
    trusted = open_lab(None, hours.clock, CountingEntropy(count(1 << 40))) if strange else ca.lab
    reference, _, secret = ca.lab.psk.partition(":")
    ours = MacProtection(reference.encode(), SharedSecret(secret.encode()), b"salt" * 4, MacParameters(iterations=100))
    anchor = parse_certificate(trusted.ca_certificate)
    signer = PrivateKeySigner(ec.derive_private_key(4711, ec.SECP256R1()))
    return Talk(
        hours,
        ca,
        Parties(ours, Peer(ours.secret, (anchor,), None), implicit_confirm=implicit),
        Order("ir", Profile(parse_name("C=FI, CN=web")), signer.public_key_info),
        signer,
    )


@pytest.fixture
def talk(hours):
    return make_talk(hours)


WAITING = ("waits",)
OFFERED = ("answers",)
AGAIN = RETRIES + 1
ENDINGS = [
    # REQUESTED, and no answer
    ("nothing left this machine", (), ("unreachable",) * AGAIN, Lost),
    ("the CA was busy all the time", (), ("busy",) * AGAIN, Lost),
    ("it was no CA", (), ("babbles",), Lost),
    ("somebody says no", (), ("claims",), Lost),
    ("no answer came", (), ("drops",) * AGAIN, Unsure),
    ("the CA acted and its answer was lost", (), ("loses",) * AGAIN, Unsure),
    ("once no answer came, then nothing left", (), ("drops", "unreachable"), Unsure),
    ("once no answer came, then it was busy", (), ("drops", "busy"), Unsure),
    ("once no answer came, then it was no CA", (), ("drops", "babbles"), Unsure),
    ("once no answer came, then somebody says no", (), ("drops", "claims"), Unsure),
    ("the answer is another's", (), ("mistakes",), Unsure),
    ("the answer is noise", (), ("noise",), Unsure),
    # REQUESTED, and an authentic no
    ("the CA rejects", (), ("rejects",), Lost),
    ("the CA answers error", (), ("refuses",), Lost),
    ("busy once, then the CA rejects", (), ("busy", "rejects"), Lost),
    ("not sent once, then the CA rejects", (), ("unreachable", "rejects"), Lost),
    ("once no answer came, then the CA rejects", (), ("drops", "rejects"), Unsure),
    ("once no answer came, then the CA answers error", (), ("drops", "refuses"), Unsure),
    # POLLING, and no answer
    ("polling, nothing left", WAITING, ("unreachable",) * AGAIN, Parked),
    ("polling, no answer came", WAITING, ("drops",) * AGAIN, Parked),
    ("polling, busy", WAITING, ("busy",) * AGAIN, Parked),
    ("polling, it was no CA", WAITING, ("babbles",), Parked),
    ("polling, somebody says no", WAITING, ("claims",), Parked),
    ("polling, another's answer", WAITING, ("mistakes",), Parked),
    ("polling, noise", WAITING, ("noise",), Parked),
    # POLLING, and an authentic no
    ("polling, the CA answers error", WAITING, ("refuses",), Lost),
    ("once no answer came, then error", WAITING, ("drops", "refuses"), Unsure),
    # CONFIRMING, and no answer
    ("confirming, nothing left", OFFERED, ("unreachable",) * AGAIN, Unsure),
    ("confirming, no answer came", OFFERED, ("drops",) * AGAIN, Unsure),
    ("confirming, busy", OFFERED, ("busy",) * AGAIN, Unsure),
    ("confirming, it was no CA", OFFERED, ("babbles",), Unsure),
    ("confirming, somebody says no", OFFERED, ("claims",), Unsure),
    ("confirming, another's answer", OFFERED, ("mistakes",), Unsure),
    ("confirming, noise", OFFERED, ("noise",), Unsure),
    # CONFIRMING, and an authentic no
    ("confirming, the CA answers error", OFFERED, ("refuses",), Lost),
    ("confirming, once no answer came, then error", OFFERED, ("drops", "refuses"), Unsure),
    ("confirming, once no answer came, then certConfirmed", OFFERED, ("loses", "confirmed"), Won),
    # and all is well
    ("at once", (), (), Won),
    ("after a repeat", (), ("drops",), Won),
    ("after a lost answer", (), ("loses",), Won),
    ("after a repeat of certConf", OFFERED, ("loses",), Won),
]


def acts(ca, names):
    made = {
        "busy": ca.busy,
        "refuses": lambda: ca.refuses("badRequest"),
        "rejects": lambda: ca.rejects("badPOP"),
        "claims": lambda: ca.claims("badRequest"),
        "waits": ca.waits,
        "mistakes": ca.mistakes,
        "confirmed": lambda: ca.refuses("certConfirmed"),
    }
    return [made[name]() if name in made else getattr(ca, name) for name in names]


@pytest.mark.parametrize(("before", "script", "ending"), [row[1:] for row in ENDINGS], ids=[row[0] for row in ENDINGS])
def test_every_ending_of_the_table(talk, before, script, ending):
    assert isinstance(talk.begin(*acts(talk.ca, (*before, *script))), ending)
    assert talk.ca.script == []


@pytest.mark.parametrize(("act", "doubt"), [("drops", True), ("noise", True), ("busy", False), ("claims", False)])
def test_a_parked_conversation_knows_whether_a_poll_may_have_been_answered(talk, act, doubt):
    script = acts(talk.ca, ["waits"] + [act] * (AGAIN if act in ("drops", "busy") else 1))
    assert talk.begin(*script).doubt is doubt


@pytest.mark.parametrize("bit", ["systemUnavail", "systemFailure"])
def test_another_transaction_later_is_what_the_ca_asks_for(talk, bit):
    assert talk.begin(talk.ca.refuses(bit)).try_later
    assert talk.begin(talk.ca.rejects(bit)).try_later
    assert not talk.begin(talk.ca.refuses("badRequest")).try_later


def test_a_certificate_that_came_is_never_followed_by_another_transaction(talk):
    ending = talk.begin(talk.ca.answers, talk.ca.refuses("systemFailure"))
    assert not ending.try_later
    assert parse_certificate(ending.aside).public_key_info == talk.signer.public_key_info


def test_a_confirmation_that_nobody_had_time_for_goes_again(talk):
    """systemUnavail judges nothing: the certificate is not put aside, and certConf stays to be repeated."""
    ending = talk.begin(talk.ca.answers, talk.ca.refuses("systemUnavail"))
    assert isinstance(ending, Unsure)
    assert talk.noted[-1][0] is At.ISSUED


def test_a_refusal_says_what_the_ca_said_and_what_to_do(talk):
    ending = talk.begin(talk.ca.refuses("badPOP", text="your proof is bad"))
    assert ending.failure.what == "the CA refused: rejection (badPOP): your proof is bad"
    assert ending.failure.next_step == "the CA wants another proof-of-possession"
    assert ending.status.fail_info == ("badPOP",)
    assert talk.begin(talk.ca.refuses("badDataFormat")).failure.next_step == "ask the CA's operator"
    assert talk.begin(talk.ca.refuses()).failure.next_step == "ask the CA's operator"


def test_the_journal_hears_of_every_message_before_the_wire_does(talk):
    talk.begin()
    assert talk.heard == [
        ("journal", "sent", "requested"),
        ("wire", "ir"),
        ("answer", "ir"),
        ("journal", "issued", "confirming"),
        ("wire", "certConf"),
        ("answer", "certConf"),
    ]


def test_what_is_sent_is_what_was_journalled(talk):
    talk.begin()
    assert [octets for _, _, octets in talk.ca.sent] == [dialogue.request for _, dialogue, _ in talk.noted]


def test_waiting_is_journalled_as_soon_as_it_is_said_and_each_poll_before_it_leaves(hours):
    talk = make_talk(hours, waiting_polls=2, check_after=7)
    assert isinstance(talk.begin(), Won)
    assert talk.heard == [
        ("journal", "sent", "requested"),
        ("wire", "ir"),
        ("answer", "ir"),
        ("journal", "waiting", "polling"),
        ("rest", 0),
        ("journal", "sent", "polling"),
        ("wire", "pollReq"),
        ("answer", "pollReq"),
        ("journal", "waiting", "polling"),
        ("rest", 7),
        ("journal", "sent", "polling"),
        ("wire", "pollReq"),
        ("answer", "pollReq"),
        ("journal", "waiting", "polling"),
        ("rest", 7),
        ("journal", "sent", "polling"),
        ("wire", "pollReq"),
        ("answer", "pollReq"),
        ("journal", "issued", "confirming"),
        ("wire", "certConf"),
        ("answer", "certConf"),
    ]


def test_a_message_is_dated_when_it_leaves_not_when_the_wait_began(hours):
    talk = make_talk(hours, waiting_polls=1, check_after=30)
    talk.begin()
    dates = [decode(PKIMessage, octets).header.message_time for _, _, octets in talk.ca.sent]
    assert dates == [NOON, NOON, NOON + timedelta(seconds=30), NOON + timedelta(seconds=30)]


def test_a_wait_beyond_what_this_run_may_wait_parks_at_once(talk):
    ending = talk.begin(talk.ca.waits(), talk.ca.still_waits(61, "lunch"))
    assert ending == Parked(NOON + timedelta(seconds=61), "lunch")
    assert ("rest", 61) not in talk.heard
    stage, dialogue, check_after = talk.noted[-1]
    assert (stage, dialogue.state, check_after) == (At.WAITING, State.POLLING, NOON + timedelta(seconds=61))


def test_all_waits_of_a_run_together_keep_its_limit(hours):
    talk = make_talk(hours, waiting_polls=100, check_after=25)
    ending = talk.begin()
    assert isinstance(ending, Parked)
    assert hours.clock.monotonic() == 50


def test_a_ca_that_says_waiting_and_not_how_long_is_not_asked_without_a_pause(talk):
    ending = talk.begin(talk.ca.waits(), *(talk.ca.forge("ip", again) for again in [waiting_again] * 100))
    assert isinstance(ending, Parked)
    assert talk.ca.kinds.count("pollReq") == 61
    assert len({round(time) for time in talk.ca.times}) == 61


def waiting_again(_):
    from runner.asn1.cmp import PKI_STATUS, CertRepMessage, CertResponse, PKIStatusInfo

    status = PKIStatusInfo(status=PKI_STATUS.index("waiting"))
    return CertRepMessage(response=(CertResponse(cert_req_id=0, status=status),))


def test_implicit_confirm_needs_no_message(hours):
    talk = make_talk(hours, implicit=True)
    ending = talk.begin()
    assert isinstance(ending, Won)
    assert talk.ca.kinds == ["ir"]
    assert ending.offered.problem is None


class TestWhatWeReject:
    """A certificate that does not lead to our anchors."""

    @pytest.fixture
    def talk(self, hours):
        return make_talk(hours, strange=True)

    def test_the_ca_is_told(self, talk):
        ending = talk.begin()
        assert isinstance(ending, Lost)
        assert talk.ca.kinds == ["ir", "certConf"]
        (status,) = decode(PKIMessage, talk.ca.sent[-1][2]).body.value
        assert status.status_info.status == 2
        assert ending.status.status == "accepted"
        assert not ending.aside

    @pytest.mark.parametrize("act", ["drops", "unreachable", "claims", "noise"])
    def test_and_it_is_lost_even_if_the_ca_does_not_hear_it(self, talk, act):
        ending = talk.begin(*acts(talk.ca, ["answers"] + [act] * (AGAIN if act in ("drops", "unreachable") else 1)))
        assert isinstance(ending, Lost)

    def test_where_the_ca_counts_it_as_confirmed_we_keep_it_to_have_it_revoked(self, hours):
        talk = make_talk(hours, strange=True, implicit=True)
        ending = talk.begin()
        assert isinstance(ending, Lost)
        serial = parse_certificate(ending.aside).serial
        assert f"have it revoked, serial number {serial:x}" in ending.failure.next_step

    def test_it_is_never_journalled_as_confirmed(self, hours):
        talk = make_talk(hours, strange=True, implicit=True)
        talk.begin()
        assert [stage for stage, _, _ in talk.noted] == [At.SENT]


class TestResume:
    """Another process goes on with what the journal has."""

    def test_from_sent_it_repeats_the_same_octets(self, talk):
        talk.begin(*[talk.ca.loses] * AGAIN)
        assert isinstance(talk.resume(), Won)
        assert len({octets for _, kind, octets in talk.ca.sent if kind == "ir"}) == 1
        assert talk.ca.issued == 1

    @pytest.mark.parametrize(
        ("script", "ending"),
        [
            (("refuses",), Unsure),
            (("rejects",), Unsure),
            (("claims",), Unsure),
            (("unreachable",) * AGAIN, Unsure),
            (("babbles",), Unsure),
        ],
    )
    def test_from_sent_nothing_can_prove_that_the_first_was_not_processed(self, talk, script, ending):
        talk.begin(*[talk.ca.loses] * AGAIN)
        assert isinstance(talk.resume(*acts(talk.ca, script)), ending)

    def test_from_issued_it_repeats_the_same_cert_conf(self, talk):
        talk.begin(talk.ca.answers, *[talk.ca.loses] * AGAIN)
        assert isinstance(talk.resume(), Won)
        assert len({octets for _, kind, octets in talk.ca.sent if kind == "certConf"}) == 1
        assert talk.ca.kinds.count("ir") == 1

    def test_from_issued_a_ca_that_has_confirmed_already_is_content(self, talk):
        talk.begin(talk.ca.answers, *[talk.ca.loses] * AGAIN)
        ending = talk.resume(talk.ca.refuses("certConfirmed"))
        assert isinstance(ending, Won)
        assert ending.status.status == "accepted"

    def test_what_was_accepted_stays_accepted(self, talk, hours):
        """Trust may have changed since; the CA has our word, perhaps."""
        talk.begin(talk.ca.answers, *[talk.ca.loses] * AGAIN)
        stranger = parse_certificate(open_lab(None, hours.clock, CountingEntropy(count(1 << 50))).ca_certificate)
        talk.parties = replace(talk.parties, peer=replace(talk.parties.peer, anchors=(stranger,)))
        ending = talk.resume()
        assert isinstance(ending, Won)
        assert ending.offered.remarks[0].startswith("it was accepted when it came; today: ")

    def test_what_was_rejected_stays_rejected(self, hours):
        talk = make_talk(hours, strange=True)
        talk.begin(talk.ca.answers, *[talk.ca.drops] * AGAIN)
        right = parse_certificate(talk.ca.lab.ca_certificate)
        talk.parties = replace(talk.parties, peer=replace(talk.parties.peer, anchors=(right,)))
        assert isinstance(talk.resume(), Lost)
        (status,) = decode(PKIMessage, talk.ca.sent[-1][2]).body.value
        assert status.status_info.status == 2

    def test_from_waiting_it_polls_and_does_not_ask_again(self, hours):
        talk = make_talk(hours, waiting_polls=1, check_after=100)
        assert isinstance(talk.begin(), Parked)
        hours.loop.jump(200)
        assert isinstance(talk.resume(), Won)
        assert talk.ca.kinds.count("ir") == 1

    def test_from_waiting_it_is_polite(self, hours):
        """Before its time nothing is sent, where this run may not wait for so long."""
        talk = make_talk(hours, waiting_polls=1, check_after=1000)
        talk.begin()
        sent = len(talk.ca.sent)
        hours.loop.jump(10)
        ending = talk.resume()
        assert isinstance(ending, Parked)
        assert len(talk.ca.sent) == sent
        assert NOON + timedelta(seconds=1000) <= ending.check_after <= NOON + timedelta(seconds=1001)

    def test_from_waiting_it_waits_out_the_rest(self, hours):
        talk = make_talk(hours, waiting_polls=1, check_after=100)
        talk.begin()
        hours.loop.jump(70)
        assert isinstance(talk.resume(), Won)
        assert ("rest", 31) in talk.heard

    def test_from_waiting_a_no_is_a_no(self, talk):
        talk.begin(talk.ca.waits(), talk.ca.still_waits(100))
        talk.hours.loop.jump(200)
        assert isinstance(talk.resume(talk.ca.refuses("badRequest")), Lost)

    def test_after_a_poll_without_an_answer_a_no_proves_nothing(self, talk):
        talk.begin(talk.ca.waits(), *[talk.ca.drops] * AGAIN)
        assert talk.noted[-1][0] is At.SENT
        assert isinstance(talk.resume(talk.ca.refuses("badRequest")), Unsure)

    def test_a_poll_in_flight_is_repeated_as_it_was(self, talk):
        talk.begin(talk.ca.waits(), *[talk.ca.drops] * AGAIN)
        talk.resume(talk.ca.still_waits(100))
        assert talk.ca.kinds.count("ir") == 1
        assert len({octets for _, kind, octets in talk.ca.sent if kind == "pollReq"}) == 1
        assert talk.noted[-1][0] is At.WAITING
