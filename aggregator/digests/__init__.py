"""Pure room: stories -> an edition -> a letter -> the message one recipient gets."""
