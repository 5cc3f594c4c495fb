"""Sentences end where they do in each language whose abbreviations are known."""

from __future__ import annotations

from importlib import resources

from tieback import core
from tieback.core.text.sentences import abbreviations, sentences
from tieback.core.text.terms import languages
from tieback.grounding.claim_check import ClaimFinder

ONE = {
    "german": [
        "Am 8. Februar 2007 gab die Firma das bekannt.",
        "Das geschah im 19. Jahrhundert in Wien.",
        "Nach dem 2. Weltkrieg wurde er im 21. Bezirk gebaut.",
        "Im 16. und 17. Jahrhundert trat die Pest auf.",
        "Sie stammt aus dem 2. Jahrhundert n. Chr. und ist erhalten.",
        "Das kostet bzw. kostete 30 Mio. GBP im Jahr.",
        "Die Brücke wurde von Queen Elizabeth II. eröffnet.",
        "Dr. med. A. Weber, Prof. in Bern, d. h. in der Schweiz, kam.",
        "Siehe Abb. 3 und Art. 5 Abs. 2 des Gesetzes.",
    ],
    "danish": [
        "Den 5. maj 1945 blev landet frit, jf. kap. 3.",
        "Det er bl.a. derfor, f.eks. i det 19. århundrede.",
    ],
    "norwegian": ["Den 17. mai 1814 ble loven til, jf. kap. 2.", "Det skjedde på 1. etasje, dvs. nede."],
    "finnish": ["Suomi itsenäistyi 6. joulukuuta 1917.", "Sitä on esim. Turussa, ks. sivu 3."],
    "hungarian": [
        "A ház 1848. március 15-én épült a 3. kerületben.",
        "Dr. Kovács Béla írta, pl. a 20. században.",
    ],
    "turkish": [
        "Kent 20. yüzyılda büyüdü.",
        "Prof. Dr. Ali Bey 2. katta oturuyor.",
        "Kitap, defter vb. şeyler aldı.",
    ],
    "french": [
        "Elle fut fondée au IIe siècle av. J.-C. par M. Dupont.",
        "Voir p. 3, fig. 2 et art. 5 ci-après.",
    ],
    "spanish": [
        "El presidente de EE. UU. firmó el Convenio núm. 81.",
        "El Sr. López vive en la avda. Mayor, pág. 3.",
    ],
    "italian": [
        "Il sig. Rossi abita qui, cfr. pag. 3 e fig. 2.",
        "Il dott. Bianchi e l'ing. Verdi sono arrivati.",
    ],
    "portuguese": ["O Sr. Silva mora na av. Central, pág. 3.", "A Dra. Costa e o Prof. Lima chegaram."],
    "dutch": [
        "Dhr. Jansen woont op nr. 5, bijv. in de stad.",
        "Mevr. De Vries en drs. Bakker kwamen ca. 3 uur.",
    ],
    "swedish": ["Det är bl.a. därför, t.ex. i kap. 3.", "Dr. Berg kom kl. 5, dvs. tidigt."],
    "russian": ["Площадь равна 227 000 кв. миль (см. рис. 3).", "В 1990-х гг. были известны два города."],
    "english": [
        "The 8th of May, i.e. No. 5 of Mr. Smith's list, was a Sunday.",
        "It took 5 min. in the U.S. Army.",
    ],
}
TWO = [
    "The road is State Route 99. It is long.",
    "She is 39. Sarah is older.",
    "It follows Article 5. The rest does not.",
    "It takes 38.6 mm. Then it stops.",
    "That was World War II. After it came peace.",
    "It has pens, paper, etc. All of it is new.",
    "He said no. Then he left.",
    "Version 1 runs on macOS. The OS is old.",
    "Der Rekord liegt bei 39. Der alte lag bei 38.",
    "Er kaufte Stifte usw. Dann ging er.",
    "Il a 16 ans. Pendant ce temps il lit.",
    "Son 18 a 20. Cuando llega, come.",
    "Ему 39 лет. Прошлый рекорд старше.",
    "Sonuç 20 oldu. Kent büyüdü.",
    "They left... The door stayed open.",
    "Cases of COVID-19. August was warm.",
]


def test_abbreviations_ordinals_and_initials_end_no_sentence() -> None:
    assert set(ONE) == set(languages()), "each language whose function words are known has its examples"
    for language, texts in ONE.items():
        for text in texts:
            spans = sentences(f"{text} {text}")
            assert spans == [(0, len(text)), (len(text) + 1, 2 * len(text) + 1)], (language, text)


def test_a_sentence_ends_behind_a_number_and_what_can_be_its_last_word() -> None:
    for text in TWO:
        assert len(sentences(text)) == 2, text


def test_dots_before_a_word_in_lower_case_end_nothing() -> None:
    assert len(sentences("He waited... and left. She stayed.")) == 2


def test_every_language_with_function_words_has_abbreviations() -> None:
    folder = resources.files(core) / "text" / "abbreviations"
    named = {one.name.removesuffix(".txt") for one in folder.iterdir() if one.name.endswith(".txt")}

    assert named == set(languages())
    assert all(word == word.lower() and word for word in abbreviations())


def test_claims_are_the_same_however_a_text_comes_in_pieces() -> None:
    for text in [*(" ".join(texts) for texts in ONE.values()), *TWO]:
        whole = [text[slice(*span)] for span in sentences(text)]
        for size in (1, 3, 7):
            finder = ClaimFinder()
            found = [
                one for begin in range(0, len(text), size) for one in finder.add(text[begin : begin + size])
            ]
            assert [one.text for one in [*found, *finder.end()]] == whole, (size, text)


def test_a_claim_that_ends_with_a_number_may_be_over() -> None:
    for text in ("The bridge opened in 1998.", "There are 20.", "Es sind 20."):
        finder = ClaimFinder()
        finder.add(text)

        assert finder.pending == text
