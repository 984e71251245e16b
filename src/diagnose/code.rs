//! What kinds of findings are there? Each with its stable word, how bad it usually is, and what it says. People look the
//! words up in `docs/diagnosis.md`.

use serde::{Deserialize, Serialize};

use super::finding::Severity;

/// Writes a kind once: its name, its word, how bad it usually is.
macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal, $severity:ident;)+) => {
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
        }
    };
}

codes! {
    // Access of phones.
    /// New phones are not sent to the public URL.
    BootstrapParked = "bootstrap_parked", Error;
    /// A phone that has its secrets asks without proof.
    BoundWithoutProof = "bound_without_proof", Error;
    /// The certificate phones see is over, or soon will be.
    CertificateDate = "certificate_date", Error;
    /// A phone with an open window is asked for from elsewhere.
    ClaimContested = "claim_contested", Info;
    /// A window closed before its phone came.
    ClaimExpired = "claim_expired", Error;
    /// Somebody claimed a phone, and another address asks for it.
    ClaimTaken = "claim_taken", Critical;
    /// A window closes soon and its phone has not come.
    ClaimWindowEnding = "claim_window_ending", Warning;
    /// A phone showed another key than the one it is known by.
    IdentityChanged = "identity_changed", Critical;
    /// A phone's token was sent where others could read it.
    TokenExposed = "token_exposed", Critical;

    // What DHCP tells phones, and where that leads them.
    /// Phones speak FTP to a host without scheme.
    BareAddressMeansFtp = "bare_address_means_ftp", Error;
    /// A server refused a phone an address.
    DhcpRefused = "dhcp_refused", Warning;
    /// Servers tell phones different things.
    DhcpServersDiffer = "dhcp_servers_differ", Error;
    /// An option names a file that no such phone is given.
    FileNotServed = "file_not_served", Error;
    /// An option says http://, and HTTP is off.
    HttpOptionButOff = "http_option_but_off", Error;
    /// Phones are led to another server.
    LedElsewhere = "led_elsewhere", Error;
    /// Nobody answered a question.
    NoDhcpAnswer = "no_dhcp_answer", Error;
    /// No option names a provisioning server.
    NoProvisioningOption = "no_provisioning_option", Warning;
    /// An option leads elsewhere, though no maker looked at follows it.
    OptionLeadsElsewhere = "option_leads_elsewhere", Warning;
    /// An option can be read neither as host nor as URL.
    OptionUnreadable = "option_unreadable", Error;
    /// A protocol or port that this server does not answer.
    ProtocolNotSpoken = "protocol_not_spoken", Error;
    /// Several servers answer, and say the same.
    SeveralDhcpServers = "several_dhcp_servers", Info;

    // Datagrams of DHCP that cannot be read as they should.
    /// A piece of a datagram.
    Fragment = "fragment", Warning;
    /// Fewer octets than the headers say.
    ShortDatagram = "short_datagram", Warning;
    /// A message that cannot be read.
    UnreadableMessage = "unreadable_message", Warning;
    /// A checksum that is wrong.
    WrongChecksum = "wrong_checksum", Warning;

    // Faults inside a message of DHCP.
    /// Addresses written as text.
    AddressAsText = "address_as_text", Warning;
    /// Octets behind the end.
    AfterEnd = "after_end", Warning;
    /// A length that the option cannot have.
    BadLength = "bad_length", Warning;
    /// A message type of the wrong length.
    BadMessageType = "bad_message_type", Warning;
    /// Neither request nor reply.
    BadOp = "bad_op", Warning;
    /// An overload there is not.
    BadOverload = "bad_overload", Warning;
    /// A sub-option that runs over its option.
    BadSubOption = "bad_sub_option", Warning;
    /// A control character in a text.
    ControlCharacter = "control_character", Warning;
    /// An option of no length.
    Empty = "empty", Warning;
    /// No usable hardware address.
    HardwareLength = "hardware_length", Warning;
    /// BOOTP without options.
    NoCookie = "no_cookie", Warning;
    /// No end option.
    NoEnd = "no_end", Info;
    /// No message type.
    NoMessageType = "no_message_type", Warning;
    /// Not UTF-8.
    NotText = "not_text", Warning;
    /// A NUL inside a text.
    NulInside = "nul_inside", Warning;
    /// An overload inside an overloaded field.
    OverloadInside = "overload_inside", Warning;
    /// A password that everybody on the network can read.
    Password = "password", Warning;
    /// A fixed option more than once.
    Repeated = "repeated", Warning;
    /// A message that ends before its options.
    Short = "short", Warning;
    /// An option that runs over its field.
    TruncatedOption = "truncated_option", Warning;
    /// A message type there is not.
    UnknownMessageType = "unknown_message_type", Warning;

    // Time servers.
    /// This machine's clock is wrong.
    ClockOff = "clock_off", Warning;
    /// A time server differs from the others.
    NtpDiffers = "ntp_differs", Warning;
    /// A time server asks to be left alone.
    NtpKiss = "ntp_kiss", Error;
    /// It speaks as something else than a server.
    NtpMode = "ntp_mode", Error;
    /// Its name is not known.
    NtpNameUnknown = "ntp_name_unknown", Error;
    /// It answers without a time.
    NtpNoTime = "ntp_no_time", Error;
    /// The system refused to ask it.
    NtpNotAsked = "ntp_not_asked", Error;
    /// Its address is not of one machine.
    NtpNotUnicast = "ntp_not_unicast", Error;
    /// A time server and this machine differ, and nobody knows which one is wrong.
    NtpOffset = "ntp_offset", Warning;
    /// Fewer than 48 octets.
    NtpShort = "ntp_short", Error;
    /// It does not answer.
    NtpSilent = "ntp_silent", Error;
    /// It says a stratum there is not.
    NtpStratum = "ntp_stratum", Error;
    /// Fewer than three agree.
    NtpTooFew = "ntp_too_few", Info;
    /// Nobody listens there.
    NtpUnreachable = "ntp_unreachable", Error;
    /// It does not know the time itself.
    NtpUnsynchronised = "ntp_unsynchronised", Error;
    /// It answers another question than ours.
    NtpWrongOrigin = "ntp_wrong_origin", Error;
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
