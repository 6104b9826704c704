"""The fonts that a build makes: every letter that a page needs, none that it does not, and icons in their places."""

import io

import internals
import letters
import pytest
from fontTools.pens.boundsPen import BoundsPen
from fontTools.ttLib import TTFont

FOLDER = "mathjax/output/chtml/fonts/woff-v2"
FACE = '@font-face{{font-family: {};\n  src: url("' + FOLDER + '/{}.woff") format("woff");}}\n'
SHEET = (
    FACE.format("MJXZERO", "MathJax_Zero")
    + FACE.format("MJXTEX", "MathJax_Main-Regular")
    + FACE.format("MJXTEX-I", "MathJax_Math-Italic")
    + 'mjx-c.mjx-c28::before{padding: 0.75em 0.389em 0.25em 0;\n  content: "(";}\n'
    + 'mjx-c.mjx-c22::before{content: "\\"";}\n'
    + 'mjx-c.mjx-c1D465.TEX-I::before{content: "x";}\n'
    + 'mjx-stretchy-v.mjx-c221A mjx-ext mjx-c::before{content: "\\3B8";}\n'
    + '.copybtn::after{content: "Copied";}\n'
)


@pytest.fixture
def static(tmp_path):
    folder = tmp_path / FOLDER
    folder.mkdir(parents=True)
    for name in ("MathJax_Zero", "MathJax_Main-Regular", "MathJax_Math-Italic"):
        data = (internals.mathjax_folder() / "output/chtml/fonts/woff-v2" / f"{name}.woff").read_bytes()
        (folder / f"{name}.woff").write_bytes(data)
    return tmp_path


def test_a_font_of_formulas_has_the_letters_in_use_in_the_shapes_that_they_had(static):
    sheet = letters.with_formulas(SHEET, static)
    assert letters.with_formulas(SHEET, static) == sheet, "the same for the same page"
    assert f'url("{FOLDER}/MathJax_Zero.woff")' in sheet, "without letters it would be no font"
    for name, kept in (("MathJax_Main-Regular", ' "(θ'), ("MathJax_Math-Italic", " xθ")):
        (path,) = static.glob(f"fonts/{name}-*.woff")
        assert f'url("fonts/{path.name}")' in sheet
        whole, fewer = TTFont(static / FOLDER / f"{name}.woff"), TTFont(path)
        assert set(fewer.getBestCmap()) == set(map(ord, kept)) & set(whole.getBestCmap())
        for letter in fewer.getBestCmap():
            drawn = []
            for font in (whole, fewer):
                pen = BoundsPen(font.getGlyphSet())
                font.getGlyphSet()[font.getBestCmap()[letter]].draw(pen)
                drawn.append((pen.bounds, font["hmtx"][font.getBestCmap()[letter]]))
            assert drawn[0] == drawn[1]
        for value in ("ascent", "descent", "lineGap"):
            assert getattr(whole["hhea"], value) == getattr(fewer["hhea"], value)
    letters.with_formulas(SHEET.replace('"x"', '"y"'), static)
    assert len(list(static.glob("fonts/*"))) == 2, "what is asked for no more goes"


def test_an_icon_is_a_letter_that_fills_its_place():
    icons = letters.shapes()
    sheet = letters.with_icons('a{src: url("icons.woff")} .fa-code{--icon: icon(code);} .fa-bars{--icon: icon(bars);}')
    assert "icon(" not in sheet.replace("--icon: ", "") and 'url("data:font/woff;base64,' in sheet
    font = TTFont(io.BytesIO(letters.icon_font(icons)))
    assert f'"\\{letters.FIRST + list(icons).index("code"):x}"' in sheet
    for code, name in font.getBestCmap().items():
        pen = BoundsPen(font.getGlyphSet())
        font.getGlyphSet()[name].draw(pen)
        left, low, right, high = pen.bounds
        assert left >= -2 and right <= font["hmtx"][name][0] + 2 <= letters.WIDEST + 2, name
        assert letters.BASE - letters.EM - 2 <= low < high <= letters.BASE + 2, name
        assert max(high - low, right - left) > 0.6 * letters.EM, name
        assert code >= letters.FIRST
    with pytest.raises(ValueError, match="unknown"):
        letters.with_icons("b{--icon: icon(unknown);}")
