"""The stage as CloudFormation sees it: from a folder of artefacts to a running stack, and back to nothing.

account      who is asked: a session, a region, an account
state        what is there now, and what that allows
upload       what the stack is made of, in a bucket
change_set   what would change, before it does; words says it to people
execution    the change carried out, event by event, and the first real cause if it fails
destroy      the stage taken away
"""
