"""A browser that plays results: what it shows, picture by picture.

`packages` the players, by npm; `website` serves them and a result; `chromium` the browser; `player` opens, plays,
steps and switches; `watching` what is wrong with what was shown; `page` is what runs in the browser.
"""
