"""From a judged contender to the champion that answers."""
