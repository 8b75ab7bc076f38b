/** Messages for clients to carry about. */
export function message(subject: string, body = "Hello.\r\n", extra = ""): string {
  const id = subject.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  return (
    `From: Anna Berg <anna@example.org>\r\nTo: alice@example.com\r\nSubject: ${subject}\r\n` +
    `Date: Mon, 2 Mar 2026 10:11:12 +0100\r\nMessage-ID: <${id}@example.org>\r\n${extra}\r\n${body}`
  );
}

/** text/plain and text/html, and an attachment of some size. */
export function mixedMessage(subject: string, attachmentOctets = 20_000): string {
  const lines = Buffer.alloc(attachmentOctets, "0123456789").toString("base64").replaceAll(/.{76}/g, "$&\r\n");
  return message(
    subject,
    [
      "--outer",
      'Content-Type: multipart/alternative; boundary="inner"',
      "",
      "--inner",
      "Content-Type: text/plain; charset=utf-8",
      "Content-Transfer-Encoding: 8bit",
      "",
      "Gr\xc3\xbc\xc3\x9fe",
      "--inner",
      "Content-Type: text/html; charset=utf-8",
      "",
      "<p>Greetings</p>",
      "--inner--",
      "--outer",
      'Content-Type: application/octet-stream; name="data.bin"',
      "Content-Disposition: attachment; filename=data.bin",
      "Content-Transfer-Encoding: base64",
      "",
      lines,
      "--outer--",
      "",
    ].join("\r\n"),
    'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="outer"\r\n',
  );
}
