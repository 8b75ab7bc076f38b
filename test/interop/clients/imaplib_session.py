"""A user's day with Python's imaplib. Arguments: port, imaps port, certificate file, password. Ends with "done"."""
import imaplib
import re
import ssl
import sys
import time

port, imaps_port, certificate, password = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
context = ssl.create_default_context(cafile=certificate)


def ok(answer, want="OK"):
    status, data = answer
    assert status == want, (status, data)
    return data


def message(subject, size=100):
    return (f"From: anna@example.org\r\nTo: alice@example.com\r\nSubject: {subject}\r\n"
            f"Message-ID: <{subject}@example.org>\r\n\r\n" + "x" * size + "\r\n").encode()


# In the clear, then STARTTLS: capabilities change, and login works.
imap = imaplib.IMAP4("localhost", port)
assert "STARTTLS" in imap.capabilities, imap.capabilities
ok(imap.starttls(context))
assert "STARTTLS" not in imap.capabilities, imap.capabilities
try:
    imap.login("alice", "wrong")
    raise AssertionError("a wrong password was good")
except imaplib.IMAP4.error:
    pass
ok(imap.login("alice", password))

# Mailboxes.
ok(imap.create("Work"))
ok(imap.create("Work/2026"))
ok(imap.create('"Sent &- Kept"'))
ok(imap.create("Work"), "NO")
ok(imap.subscribe("Work"))
names = [line.decode() for line in ok(imap.list())]
assert any(line.endswith("Work/2026") for line in names), names
assert any('"Sent &- Kept"' in line for line in names), names
assert [line for line in ok(imap.lsub()) if line.endswith(b"Work")]
ok(imap.rename("Work/2026", "Work/Projects"))

# Messages, also a large one.
for n in range(1, 21):
    flags = r"(\Seen)" if n % 2 else None
    ok(imap.append("INBOX", flags, imaplib.Time2Internaldate(1_700_000_000 + n), message(f"number-{n}")))
ok(imap.append("INBOX", r"(\Flagged $Important)", None, message("large", 3_000_000)))
assert ok(imap.select("INBOX")) == [b"21"]
assert imap.response("UIDVALIDITY")[1][0].isdigit()

assert ok(imap.search(None, "UNSEEN"))[0].split() == [b"%d" % n for n in (2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 21)]
assert ok(imap.search(None, "SUBJECT", '"number-7"')) == [b"7"]
assert ok(imap.search(None, "KEYWORD", "$Important", "LARGER", "1000000")) == [b"21"]
assert ok(imap.search("UTF-8", "BODY", "xxxx", "NOT", "SEEN", "SMALLER", "10000"))[0].count(b" ") == 9
data = ok(imap.fetch("21", "(UID RFC822.SIZE BODY.PEEK[])"))
assert data[0][1] == message("large", 3_000_000)
data = ok(imap.fetch("1:3", "(FLAGS INTERNALDATE ENVELOPE BODYSTRUCTURE)"))
assert len(data) == 3 and b'"number-1"' in data[0], data
assert time.mktime(imaplib.Internaldate2tuple(data[0])) == 1_700_000_001
ok(imap.fetch("2", "(BODY[TEXT]<0.10>)"))
assert b"2" not in ok(imap.search(None, "UNSEEN"))[0].split()

# Flags, copies, moves, deletions.
assert b"\\Answered" in ok(imap.store("4", "+FLAGS", r"(\Answered Later)"))[0]
ok(imap.store("1:20", "-FLAGS.SILENT", r"(\Seen)"))
assert ok(imap.search(None, "SEEN")) == [b""]
ok(imap.copy("1:5", "Work"))
ok(imap.uid("COPY", "6", "Work/Projects"))
assert b"MOVE" in b" ".join(ok(imap.capability()))
imaplib.Commands["MOVE"] = ("SELECTED",)
ok(imap._simple_command("MOVE", "7:8", "Work"))
assert imap.response("EXPUNGE")[1] == [b"7", b"7"]
ok(imap.store("1:2", "+FLAGS", r"(\Deleted)"))
assert ok(imap.expunge()) == [b"1", b"1"]
ok(imap.noop())
assert ok(imap.status("INBOX", "(MESSAGES UNSEEN UIDNEXT)")) == [b"INBOX (MESSAGES 17 UIDNEXT 22 UNSEEN 17)"]

# IDLE, by hand where this imaplib has none: another session's message is announced.
other = imaplib.IMAP4_SSL("localhost", imaps_port, ssl_context=context)
ok(other.login("alice", password))
tag = imap._new_tag()
imap.send(tag + b" IDLE\r\n")
assert imap.readline().startswith(b"+ ")
ok(other.append("INBOX", None, None, message("while-idle")))
lines = [imap.readline()]
while not re.match(rb"\* 18 EXISTS", lines[-1]):
    lines.append(imap.readline())
imap.send(b"DONE\r\n")
while not lines[-1].startswith(tag):
    lines.append(imap.readline())
assert b" OK " in lines[-1], lines

# imaps: rights, quota, namespaces, UID commands, pipelined literals; a second selection closes the first.
ok(other.getacl("INBOX"))
ok(other.setacl("Work", "bob", "lrs"))
ok(other.namespace())
assert ok(other.select("Work", readonly=True)) == [b"7"]
ok(other.store("1", "+FLAGS", r"(\Seen)"), "NO")
uids = ok(other.uid("SEARCH", "ALL"))[0].split()
assert len(uids) == 7
ok(other.unselect()) if hasattr(other, "unselect") else None
other.logout()
ok(imap.close())
ok(imap.delete("Work/Projects"))
ok(imap.unsubscribe("Work"))
assert imap.logout()[0] == "BYE"
print("done")
