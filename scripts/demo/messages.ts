/** A few messages for a first look: plain, HTML, an attachment, other scripts, a thread. */

const crlf = (text: string): Buffer => Buffer.from(text.replaceAll("\n", "\r\n"));

export interface DemoMessage {
  readonly mailbox: "INBOX" | "Archive" | "Drafts" | "Sent";
  readonly flags: readonly string[];
  /** Days before today. */
  readonly daysAgo: number;
  readonly make: (date: string) => Buffer;
}

export const demoMessages: readonly DemoMessage[] = [
  {
    mailbox: "INBOX",
    flags: ["\\Seen"],
    daysAgo: 6,
    make: (date) =>
      crlf(`Date: ${date}
From: Mina Karimi <mina@example.org>
To: Demo <demo@example.org>
Subject: Welcome to Pasargad
Message-ID: <welcome@example.org>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

Hello,

this mailbox is served from your own machine. Flag this message, move it, delete
it: what the server has answered with OK is on disk.

Mina
`),
  },
  {
    mailbox: "INBOX",
    flags: ["\\Seen", "\\Answered"],
    daysAgo: 4,
    make: (date) =>
      crlf(`Date: ${date}
From: =?utf-8?B?SmnFmcOtIE5vdsOhaw==?= <jiri@example.net>
To: demo@example.org
Cc: team@example.org
Subject: =?utf-8?Q?Sch=C5=AFzka_v_=C3=BAter=C3=BD?=
Message-ID: <meeting-1@example.net>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Ahoj, m=C5=AF=C5=BEeme se sej=C3=ADt v =C3=BAter=C3=BD v deset?
`),
  },
  {
    mailbox: "Sent",
    flags: ["\\Seen"],
    daysAgo: 4,
    make: (date) =>
      crlf(`Date: ${date}
From: demo@example.org
To: =?utf-8?B?SmnFmcOtIE5vdsOhaw==?= <jiri@example.net>
Subject: =?utf-8?Q?Re:_Sch=C5=AFzka_v_=C3=BAter=C3=BD?=
Message-ID: <meeting-2@example.org>
In-Reply-To: <meeting-1@example.net>
References: <meeting-1@example.net>
MIME-Version: 1.0
Content-Type: text/plain; charset=us-ascii

Ano.
`),
  },
  {
    mailbox: "INBOX",
    flags: ["\\Flagged"],
    daysAgo: 2,
    make: (date) =>
      crlf(`Date: ${date}
From: "Accounts, Example Ltd." <billing@example.com>
To: demo@example.org
Subject: Invoice 2041
Message-ID: <invoice-2041@example.com>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="invoice"

--invoice
Content-Type: multipart/alternative; boundary="text"

--text
Content-Type: text/plain; charset=utf-8

Please find the invoice attached.

--text
Content-Type: text/html; charset=utf-8

<p>Please find the <b>invoice</b> attached.</p>

--text--
--invoice
Content-Type: text/csv; name="invoice-2041.csv"
Content-Disposition: attachment; filename="invoice-2041.csv"
Content-Transfer-Encoding: base64

aXRlbSxhbW91bnQKaG9zdGluZywxMi4wMAo=

--invoice--
`),
  },
  {
    mailbox: "INBOX",
    flags: [],
    daysAgo: 0,
    make: (date) =>
      crlf(`Date: ${date}
From: =?utf-8?B?5bGx55Sw6Iqx5a2Q?= <hanako@example.jp>
To: demo@example.org
Subject: =?iso-2022-jp?B?GyRCMnE1RCRON28bKEI=?=
Message-ID: <kaigi@example.jp>
MIME-Version: 1.0
Content-Type: text/plain; charset=iso-2022-jp
Content-Transfer-Encoding: 7bit

\x1b$B2q5D$N7o$G$9!#\x1b(B
`),
  },
  {
    mailbox: "Drafts",
    flags: ["\\Draft", "\\Seen"],
    daysAgo: 1,
    make: (date) =>
      crlf(`Date: ${date}
From: demo@example.org
To: mina@example.org
Subject: Thank you
Message-ID: <thanks@example.org>
MIME-Version: 1.0
Content-Type: text/plain; charset=us-ascii

Dear Mina,
`),
  },
];
