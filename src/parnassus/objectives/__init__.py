"""Who lowers what: objectives own modules and list phases."""
