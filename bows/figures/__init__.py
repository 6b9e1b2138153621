"""Tables in, figures out."""

import logging

# matplotlib warns where its cache folder cannot be made (HOME unset or not writable), and uses a temporary one, which serves.
logging.getLogger("matplotlib").setLevel(logging.ERROR)
