"""
The colors of figures, pages and notebooks, by what is drawn in them, on light and dark ground.

Points, fit, size, threshold and muted lines are told apart with any kind of color vision; text in
each of these colors can be read on both grounds of a page.
"""

LIGHT = {
    "page": "#ffffff",
    "card": "#f5f6f8",
    "ink": "#1b1f24",
    "muted": "#5d646d",
    "line": "#d3d7dd",
    "link": "#0b5394",
    "points": "#1668d8",
    "fit": "#b85004",
    "size": "#12573a",
    "threshold": "#7b2382",
    "enough": "#15703a",
    "more": "#a34a06",
    "unknown": "#565d66",
    "open": "#0b5394",
}
DARK = {
    "page": "#14171b",
    "card": "#1e2329",
    "ink": "#e8eaed",
    "muted": "#a7b0ba",
    "line": "#3d454e",
    "link": "#8ab8f0",
    "points": "#4a90f5",
    "fit": "#e8892f",
    "size": "#63eaa8",
    "threshold": "#eeb0f8",
    "enough": "#6cc98a",
    "more": "#f3a256",
    "unknown": "#a7b0ba",
    "open": "#8ab8f0",
}
PAPER = LIGHT | {
    "card": "#ffffff",
    "ink": "#000000",
    "muted": "#3f454c",
    "line": "#b9bec5",
    "link": "#000000",
    "unknown": "#3f454c",
}
