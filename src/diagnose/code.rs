//! What kinds of findings are there? Each with its stable word, how bad it usually is, what it says and what to do about
//! it. People look the words up in `docs/diagnosis.md`.

use serde::{Deserialize, Serialize};

use super::finding::Severity;

/// Writes a kind once: its name, its word, how bad it usually is, what to do about it.
macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal, $severity:ident, $fix:literal;)+) => {
        /// The kinds of findings.
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Code {
            /// All of them.
            pub const ALL: &[Code] = &[$(Code::$name,)+];

            /// The word it is written with: what programs compare.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $word,)+ }
            }

            /// How bad it usually is.
            pub fn severity(self) -> Severity {
                match self { $(Code::$name => Severity::$severity,)+ }
            }

            /// What to do about it, in plain words; who finds it may know better.
            pub fn fix(self) -> &'static str {
                match self { $(Code::$name => $fix,)+ }
            }
        }
    };
}

codes! {
    // Access of phones.
    /// New phones are not sent to the public URL.
    BootstrapParked = "bootstrap_parked", Error,
        "let the host of server.public_url lead to this machine, and give https.certificate a certificate for it \
         with its whole chain";
    /// A phone that has its secrets asks without proof.
    BoundWithoutProof = "bound_without_proof", Error,
        "ztpd device claim MAC";
    /// The certificate phones see is over, or soon will be.
    CertificateDate = "certificate_date", Error,
        "renew the certificate, then: systemctl reload ztpd";
    /// The certificate phones see could not be renewed.
    CertificateUnrenewed = "certificate_unrenewed", Error,
        "mend what the ACME server says, then: systemctl reload ztpd";
    /// A phone with an open window is asked for from elsewhere.
    ClaimContested = "claim_contested", Info,
        "ztpd device claim MAC";
    /// A window closed before its phone came.
    ClaimExpired = "claim_expired", Error,
        "ztpd device claim MAC";
    /// Somebody claimed a phone, and another address asks for it.
    ClaimTaken = "claim_taken", Critical,
        "ztpd device claim MAC";
    /// A window closes soon and its phone has not come.
    ClaimWindowEnding = "claim_window_ending", Warning,
        "ztpd device claim MAC";
    /// A phone showed another key than the one it is known by.
    IdentityChanged = "identity_changed", Critical,
        "if the phone was repaired or replaced: ztpd device rebind MAC";
    /// The certificate a phone was made with is good but for its dates.
    PhoneCertificateDate = "phone_certificate_date", Warning,
        "nothing, while its token is served; else ztpd authority add FILE --tolerate expired";
    /// A phone's token was sent where others could read it.
    TokenExposed = "token_exposed", Critical,
        "ztpd device claim MAC";

    // What DHCP tells phones, and where that leads them.
    /// Phones are led here over HTTPS at once, and do not know the authority behind our certificate.
    AuthorityUnknownToPhones = "authority_unknown_to_phones", Error,
        "lead these phones by tftp:// first, where they are given the authority; or use a certificate of a public \
         authority";
    /// Phones speak FTP to a host without scheme.
    BareAddressMeansFtp = "bare_address_means_ftp", Error,
        "write the whole URL into the option, scheme first and a slash at its end";
    /// The DHCP servers of a network could not be asked.
    DhcpProbeFailed = "dhcp_probe_failed", Warning,
        "correct diagnose.interfaces: each must be there, up, and able to broadcast";
    /// The daemon has no socket to ask DHCP servers with.
    DhcpProbeUnavailable = "dhcp_probe_unavailable", Info,
        "under systemd: systemctl enable ztpd-dhcp.socket, then restart ztpd; else let somebody who may run \
         `ztpd dhcp probe` or `ztpd doctor` now and then (root, or CAP_NET_RAW)";
    /// A server refused a phone an address.
    DhcpRefused = "dhcp_refused", Warning,
        "look at the server's log: the address the phone asked for is taken, or of another network; it asks anew";
    /// Servers tell phones different things.
    DhcpServersDiffer = "dhcp_servers_differ", Error,
        "switch the wrong server off, or let the switches pass answers of the right one alone (DHCP snooping)";
    /// An option names a file that no such phone is given.
    FileNotServed = "file_not_served", Error,
        "end the URL of the option in a slash, and leave option 67 out";
    /// An option says http://, and HTTP is off.
    HttpOptionButOff = "http_option_but_off", Error,
        "let the option say https:// or tftp://, or switch plain HTTP on for public files: [http] listen = \
         [\"[::]:80\"]";
    /// Phones are led to another server.
    LedElsewhere = "led_elsewhere", Error,
        "let the option lead to this server; if another system shall serve these phones, take their maker out of \
         it here";
    /// Nobody answered a question.
    NoDhcpAnswer = "no_dhcp_answer", Error,
        "start the DHCP server of this network, or let the router relay to it (ip helper-address); see that \
         addresses are left and that no firewall drops UDP 67 and 68";
    /// No option names a provisioning server.
    NoProvisioningOption = "no_provisioning_option", Warning,
        "let DHCP name this server to these phones, by their vendor class";
    /// In a network of several makers, all phones are told an option that makers read in different ways.
    OptionForAllMakers = "option_for_all_makers", Warning,
        "tell each maker's phones their own option by vendor class (option 60), and leave the option out for all \
         others: makers read one value in different ways, and what is no phone is told it as well";
    /// An option leads elsewhere, though no maker looked at follows it.
    OptionLeadsElsewhere = "option_leads_elsewhere", Warning,
        "let the option lead to this server; if another system shall serve these phones, take their maker out of \
         it here";
    /// An option can be read neither as host nor as URL.
    OptionUnreadable = "option_unreadable", Error,
        "write a URL or a host into the option";
    /// A protocol or port that this server does not answer.
    ProtocolNotSpoken = "protocol_not_spoken", Error,
        "let the option name a protocol and a port this server speaks: `ztpd status` lists them";
    /// Several servers answer, and say the same.
    SeveralDhcpServers = "several_dhcp_servers", Info,
        "nothing, if both are meant to be there; else switch one off";

    // Datagrams of DHCP that cannot be read as they should.
    /// A piece of a datagram.
    Fragment = "fragment", Warning,
        "look at what stands between: a relay, a firewall or a network card that damages DHCP; a capture at the \
         phone's port and one at the server show where it happens (`ztpd dhcp decode FILE`)";
    /// Fewer octets than the headers say.
    ShortDatagram = "short_datagram", Warning,
        "look at what stands between: a relay, a firewall or a network card that damages DHCP; a capture at the \
         phone's port and one at the server show where it happens (`ztpd dhcp decode FILE`)";
    /// A message that cannot be read.
    UnreadableMessage = "unreadable_message", Warning,
        "look at what stands between: a relay, a firewall or a network card that damages DHCP; a capture at the \
         phone's port and one at the server show where it happens (`ztpd dhcp decode FILE`)";
    /// A checksum that is wrong.
    WrongChecksum = "wrong_checksum", Warning,
        "look at what stands between: a relay, a firewall or a network card that damages DHCP; a capture at the \
         phone's port and one at the server show where it happens (`ztpd dhcp decode FILE`)";

    // Faults inside a message of DHCP.
    /// Addresses written as text.
    AddressAsText = "address_as_text", Warning,
        "correct that option where the message comes from: a text as a string, an address as an address, each \
         once";
    /// Octets behind the end.
    AfterEnd = "after_end", Warning,
        "correct that option where the message comes from: a text as a string, an address as an address, each \
         once";
    /// A length that the option cannot have.
    BadLength = "bad_length", Warning,
        "correct that option where the message comes from: a text as a string, an address as an address, each \
         once";
    /// A message type of the wrong length.
    BadMessageType = "bad_message_type", Warning,
        "correct that option where the message comes from: a text as a string, an address as an address, each \
         once";
    /// Neither request nor reply.
    BadOp = "bad_op", Warning,
        "correct that option where the message comes from: a text as a string, an address as an address, each \
         once";
    /// An overload there is not.
    BadOverload = "bad_overload", Warning,
        "correct that option where the message comes from: a text as a string, an address as an address, each \
         once";
    /// A sub-option that runs over its option.
    BadSubOption = "bad_sub_option", Warning,
        "correct that option where the message comes from: a text as a string, an address as an address, each \
         once";
    /// A control character in a text.
    ControlCharacter = "control_character", Warning,
        "correct that option where the message comes from: a text as a string, an address as an address, each \
         once";
    /// An option of no length.
    Empty = "empty", Warning,
        "correct that option where the message comes from: a text as a string, an address as an address, each \
         once";
    /// No usable hardware address.
    HardwareLength = "hardware_length", Warning,
        "correct that option where the message comes from: a text as a string, an address as an address, each \
         once";
    /// BOOTP without options.
    NoCookie = "no_cookie", Warning,
        "correct that option where the message comes from: a text as a string, an address as an address, each \
         once";
    /// No end option.
    NoEnd = "no_end", Info,
        "correct that option where the message comes from: a text as a string, an address as an address, each \
         once";
    /// No message type.
    NoMessageType = "no_message_type", Warning,
        "correct that option where the message comes from: a text as a string, an address as an address, each \
         once";
    /// Not UTF-8.
    NotText = "not_text", Warning,
        "correct that option where the message comes from: a text as a string, an address as an address, each \
         once";
    /// A NUL inside a text.
    NulInside = "nul_inside", Warning,
        "correct that option where the message comes from: a text as a string, an address as an address, each \
         once";
    /// An overload inside an overloaded field.
    OverloadInside = "overload_inside", Warning,
        "correct that option where the message comes from: a text as a string, an address as an address, each \
         once";
    /// A password that everybody on the network can read.
    Password = "password", Warning,
        "take the password out of the option: phones prove who they are by certificate, token or claim";
    /// A fixed option more than once.
    Repeated = "repeated", Warning,
        "correct that option where the message comes from: a text as a string, an address as an address, each \
         once";
    /// A message that ends before its options.
    Short = "short", Warning,
        "correct that option where the message comes from: a text as a string, an address as an address, each \
         once";
    /// An option that runs over its field.
    TruncatedOption = "truncated_option", Warning,
        "correct that option where the message comes from: a text as a string, an address as an address, each \
         once";
    /// A message type there is not.
    UnknownMessageType = "unknown_message_type", Warning,
        "correct that option where the message comes from: a text as a string, an address as an address, each \
         once";

    // Time servers.
    /// Phones must know the time before they can trust our certificate, and nothing tells it to them.
    CertificateNeedsClock = "certificate_needs_clock", Warning,
        "tell phones a time server by DHCP option 42, which they ask before they look at any certificate; or use \
         a certificate that began before they were made: without https.certificate ztpd makes one";
    /// This machine's clock is wrong.
    ClockOff = "clock_off", Warning,
        "set this machine's clock right, with chrony or systemd-timesyncd";
    /// Phones are told no time server.
    NoTimeServer = "no_time_server", Warning,
        "name time servers: [time] ntp, or those of the site, and DHCP option 42";
    /// A time server differs from the others.
    NtpDiffers = "ntp_differs", Warning,
        "set that server right, or leave it out";
    /// A time server asks to be left alone.
    NtpKiss = "ntp_kiss", Error,
        "let that server serve this network and ask it less often, or name another";
    /// It speaks as something else than a server.
    NtpMode = "ntp_mode", Error,
        "name another time server: [time] ntp, those of the site, or DHCP option 42";
    /// Its name is not known.
    NtpNameUnknown = "ntp_name_unknown", Error,
        "correct the name, or let DNS know it";
    /// It answers without a time.
    NtpNoTime = "ntp_no_time", Error,
        "name another time server: [time] ntp, those of the site, or DHCP option 42";
    /// The system refused to ask it.
    NtpNotAsked = "ntp_not_asked", Error,
        "name another time server: [time] ntp, those of the site, or DHCP option 42";
    /// Its address is not of one machine.
    NtpNotUnicast = "ntp_not_unicast", Error,
        "name another time server: [time] ntp, those of the site, or DHCP option 42";
    /// A time server and this machine differ, and nobody knows which one is wrong.
    NtpOffset = "ntp_offset", Warning,
        "name a third time server: only then is it seen which one is wrong";
    /// Fewer than 48 octets.
    NtpShort = "ntp_short", Error,
        "name another time server: [time] ntp, those of the site, or DHCP option 42";
    /// It does not answer.
    NtpSilent = "ntp_silent", Error,
        "let UDP port 123 through to that server and back, and see that it runs; or name another";
    /// It says a stratum there is not.
    NtpStratum = "ntp_stratum", Error,
        "name another time server: [time] ntp, those of the site, or DHCP option 42";
    /// Fewer than three agree.
    NtpTooFew = "ntp_too_few", Info,
        "name three time servers or more";
    /// Nobody listens there.
    NtpUnreachable = "ntp_unreachable", Error,
        "let UDP port 123 through to that server and back, and see that it runs; or name another";
    /// It does not know the time itself.
    NtpUnsynchronised = "ntp_unsynchronised", Error,
        "give that server sources of its own (`chronyc sources` shows what it lacks)";
    /// It answers another question than ours.
    NtpWrongOrigin = "ntp_wrong_origin", Error,
        "name another time server: [time] ntp, those of the site, or DHCP option 42";

    // Whether phones can reach what they need.
    /// The key of our certificate is of a kind that old phones do not know.
    CertificateKeyType = "certificate_key_type", Info,
        "for old phones: a certificate with an RSA key of 2048 to 4096 bits";
    /// A maker's service cannot be reached.
    MakerServiceUnreachable = "maker_service_unreachable", Info,
        "let this host and the phones through to it; or nothing, if no phone shall ask it: [diagnose] \
         makers_reachability = false";
    /// Nothing outside can be reached from here.
    NoWayOut = "no_way_out", Warning,
        "if phones need the makers' services or time servers outside, let this network out (DNS, TCP 443, UDP \
         123); else: [diagnose] makers_reachability = false";
    /// Who answers at the public URL shows another certificate than ours.
    PublicUrlOtherCertificate = "public_url_other_certificate", Error,
        "let the name and the port of server.public_url lead to ztpd itself: a proxy in between must pass TLS on \
         as it is";
    /// Nobody answers at the public URL.
    PublicUrlUnreachable = "public_url_unreachable", Error,
        "let the port of server.public_url reach ztpd: https.listen, the socket unit, or the firewall in between";
    /// The operator's list of makers' services cannot be read.
    ServicesFileUnreadable = "services_file_unreadable", Warning,
        "correct the file, or remove it: then the built-in list counts";
    /// The SIP server's certificate is not one that phones would trust.
    SipCertificate = "sip_certificate", Warning,
        "give the SIP server a certificate for that name, with its whole chain";
    /// The SIP server's name is not known.
    SipNameUnknown = "sip_name_unknown", Error,
        "correct [sip] server or that of the site, or let DNS know the name";
    /// The SIP server answers that it cannot serve.
    SipRefuses = "sip_refuses", Warning,
        "look at the SIP server's log: it runs, and cannot serve";
    /// The SIP server does not answer.
    SipUnreachable = "sip_unreachable", Error,
        "see that the SIP server listens on that port and transport, and that no firewall is in between";
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_the_same_wherever_it_is_written() {
        for code in Code::ALL {
            assert_eq!(serde_json::json!(code), code.as_str());
        }
    }
}
