"""How every plot looks, and its way into a page: one palette, one set of sizes, deterministic SVG."""

import functools
import hashlib
import html
import io
import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, RULE, CARD, PAPER = "#1d2733", "#66717e", "#c9d0d8", "#fefefe", "#ffffff"
# Okabe and Ito's colours, which stay apart for colour-blind readers, darkest first.
BLUE, VERMILION, GREEN, PURPLE, SKY, ORANGE = "#0072b2", "#d55e00", "#009e73", "#b8578f", "#3aa0dc", "#d99100"
SERIES = (BLUE, VERMILION, GREEN, PURPLE, SKY, ORANGE)

RC: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": RULE,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 9.5,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlepad": 9,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "figure.facecolor": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "grid.color": RULE,
    "grid.linewidth": 0.5,
    "legend.fontsize": 9,
    "legend.edgecolor": "none",
    "legend.facecolor": CARD,
    "legend.fancybox": False,
    "legend.framealpha": 0.75,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "parnassus",
    "text.color": INK,
    "text.parse_math": False,  # a class may be called "$5"
    "xtick.color": RULE,
    "xtick.labelcolor": MUTED,
    "xtick.labelsize": 9,
    "ytick.color": RULE,
    "ytick.labelcolor": MUTED,
    "ytick.labelsize": 9,
}
FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def styled(draw: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """The function, drawing in this style; matplotlib reads it whenever a part is made. Restored afterwards."""

    @functools.wraps(draw)
    def inside(*args: Arguments.args, **keywords: Arguments.kwargs) -> Result:
        import matplotlib

        with matplotlib.rc_context(RC), warnings.catch_warnings():
            # The text stays text, so a browser finds the letters that matplotlib's own font lacks.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            return draw(*args, **keywords)

    return inside


def canvas(
    n_rows: int = 1, n_columns: int = 1, *, width: float = 5.2, height: float = 3.3, label: str = "", **grid: Any
) -> "tuple[Figure, list[Axes]]":
    """A figure in this style and its axes in reading order; `label` is what a screen reader says. No pyplot."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", label=label)
    axes = figure.subplots(n_rows, n_columns, squeeze=False, **grid)
    return figure, list(axes.ravel())


@styled
def svg(figure: "Figure") -> str:
    """The figure as one inline <svg> element; equal figures give equal text.

    Text stays text. Names that nothing refers to are dropped and the others get a prefix of their own, so that many
    figures share a page.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = text.replace("'DejaVu Sans'", FONTS).replace("sans-serif, sans-serif", "sans-serif")
    prefix = "f" + hashlib.sha256(text.encode()).hexdigest()[:8]
    used = set(re.findall(r'(?:url\(#|xlink:href="#)([^")]+)', text))
    text = re.sub(r' id="([^"]*)"', lambda m: f' id="{prefix}{m[1]}"' if m[1] in used else "", text)
    text = re.sub(r'(url\(#|xlink:href="#)', rf"\g<1>{prefix}", text)
    width, height = (float(v) * 4 / 3 for v in re.findall(r'(?:width|height)="([\d.]+)pt"', text)[:2])
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img" '
        f'aria-label="{html.escape(str(figure.get_label()))}" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width * 0.75:g} {height * 0.75:g}">'
    )
    return head + text[text.index(">") + 1 :].strip()


def png_data_uri(picture: Any, *, scale: int = 1) -> str:
    """A picture (h, w) or (h, w, 1 or 3 or 4) as an inline PNG; floats are taken to run from 0 to 1, or are spread.

    `scale` repeats pixels, so that a browser does not blur small pictures.
    """
    import base64

    import numpy as np
    from PIL import Image

    pixels = np.asarray(picture)
    if pixels.dtype != np.uint8:
        pixels = pixels.astype(np.float64)
        low, high = min(0.0, pixels.min()), max(1.0, pixels.max())
        pixels = np.rint(255 * (pixels - low) / (high - low)).astype(np.uint8)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    buffer = io.BytesIO()
    Image.fromarray(pixels.repeat(scale, 0).repeat(scale, 1)).save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
