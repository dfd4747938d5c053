# Bash reads this before a block of a page: the first command that fails ends the block.
set -euo pipefail
if [ -f settings.sh ]; then . ./settings.sh; fi
