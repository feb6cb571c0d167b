"""Who is told what, when: messages to people about what waits for them.

Alerts read the ledger, and write nothing of it. A worker looks every few seconds at what needs a person
(`facts`), makes a row for each message that is due (`looking`), and sends it outside of any transaction
(`sending`). The row is durable before the message leaves, so it is sent at least once; its text is made
when it is sent, so it says what waits then. A message that could not be sent is tried again until all
that it tells of has settled.
"""
