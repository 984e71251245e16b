//! What is the first broken link? Every cause that is told apart, by a stable word. `docs/explain.md` has a section on
//! each.

use serde::Serialize;

macro_rules! causes {
    ($($variant:ident $code:literal $meaning:literal,)*) => {
        /// Why a phone is as it is.
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub enum Cause {
            $(#[doc = $meaning] $variant,)*
        }

        impl Cause {
            /// Every cause there is.
            pub const ALL: &[Cause] = &[$(Cause::$variant),*];

            /// The word it is written with.
            pub fn as_str(self) -> &'static str {
                match self { $(Cause::$variant => $code),* }
            }
        }
    };
}

causes! {
    BootstrapOnly "bootstrap_only" "It was given the bootstrap and has not come back.",
    BootstrapParked "bootstrap_parked" "It was given a bootstrap that leads nowhere, since the public URL would not work.",
    BoundWithoutProof "bound_without_proof" "It has had its settings before, and now shows no proof: reset, or somebody else.",
    CertificateMismatch "certificate_mismatch" "Its certificate is another phone's.",
    CertificateRejected "certificate_rejected" "Its certificate counts for nothing.",
    ClaimClosed "claim_closed" "No claim window was open when it asked.",
    ClaimContested "claim_contested" "It asks from outside the networks its window is open for.",
    ClaimTaken "claim_taken" "Another address claimed it.",
    DhcpNoAnswer "dhcp_no_answer" "It asks for an address and no DHCP server answers.",
    DhcpOnly "dhcp_only" "It was seen by DHCP and nowhere else yet.",
    DhcpOptionUnusable "dhcp_option_unusable" "DHCP names a server in a form that its maker's phones make nothing of.",
    IdentityChanged "identity_changed" "It showed another key than the one it is known by.",
    InsecureChannel "insecure_channel" "It asks for its own file unencrypted, where no secret is given, and for nothing else.",
    Limited "limited" "It, or its address, asked too much.",
    NearMiss "near_miss" "A phone whose MAC differs by a slip is in the inventory, or asks.",
    NeverSeen "never_seen" "It was never seen.",
    NoProof "no_proof" "It shows no proof that counts.",
    NoProvisioningOption "no_provisioning_option" "DHCP names no server.",
    NotAssigned "not_assigned" "It has its settings, and belongs to nobody.",
    NotInInventory "not_in_inventory" "It asks and is not in the inventory.",
    Outdated "outdated" "It has settings that have changed since.",
    PreviousProvider "previous_provider" "DHCP leads it here, and it never comes: somebody else still owns it.",
    Provisioned "provisioned" "It has what it would be given now.",
    Quarantined "quarantined" "An operator put it in quarantine.",
    Retired "retired" "It is out of service.",
    RogueDhcp "rogue_dhcp" "Two DHCP servers answer it, and one leads it elsewhere.",
    SentElsewhere "sent_elsewhere" "DHCP leads it to another server.",
    StoreFault "store_fault" "The store could not be read or written.",
    TemplateFault "template_fault" "Its template fails.",
    TlsBrokenOff "tls_broken_off" "It breaks the connection off and does not say why.",
    TlsClock "tls_clock" "By its clock our certificate is not valid.",
    TlsName "tls_name" "Our certificate is not for the name or address it asks.",
    TlsNoCommonCipher "tls_no_common_cipher" "It speaks TLS 1.2, but no cipher that is safe.",
    TlsOldVersion "tls_old_version" "It speaks nothing newer than TLS 1.1.",
    TlsUntrustedAuthority "tls_untrusted_authority" "It does not know the authority of our certificate.",
    TokenExposed "token_exposed" "Its token was sent where others could read it, and is revoked.",
    WrongMaker "wrong_maker" "It is of another maker than the inventory says.",
}

impl Serialize for Cause {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
