"""What people and players read of a track: its language as BCP 47 has it, and a name of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fallow.streaming.listing import StreamFacts

# Two letters where ISO 639-1 has them, for both kinds of three.
_SHORT = dict(
    re.findall(
        r"(\w+)=(\w+)",
        "ara=ar baq=eu eus=eu ben=bn bul=bg cat=ca cze=cs ces=cs chi=zh zho=zh dan=da dut=nl nld=nl "
        "eng=en est=et fin=fi fre=fr fra=fr ger=de deu=de glg=gl gre=el ell=el heb=he hin=hi hrv=hr "
        "hun=hu ice=is isl=is ind=id gle=ga ita=it jpn=ja kor=ko lav=lv lit=lt may=ms msa=ms nor=no "
        "nob=nb nno=nn per=fa fas=fa pol=pl por=pt rum=ro ron=ro rus=ru slo=sk slk=sk slv=sl spa=es "
        "srp=sr swe=sv tam=ta tel=te tha=th tur=tr ukr=uk urd=ur vie=vi wel=cy cym=cy",
    )
)


def language(facts: StreamFacts) -> str:
    """ "" where it is not known."""
    return "" if facts.language == "und" else _SHORT.get(facts.language, facts.language)


def titles(tracks: Iterable[StreamFacts]) -> list[str]:
    """A name for each track, which no other one has."""
    found: list[str] = []
    for number, facts in enumerate(tracks, 1):
        title = facts.title or language(facts) or f"{facts.kind.value} {number}"
        found.append(f"{title} ({number})" if title in found else title)
    return found
