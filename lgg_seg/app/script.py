"""What Streamlit runs anew at every click; all else is imported, and so loaded once."""

import sys

from lgg_seg.app.page import show

show(sys.argv[1:])
