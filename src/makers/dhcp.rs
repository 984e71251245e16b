//! Which DHCP option leads a maker's phones to their server? Precedence, forms of addresses, and what is asked first, one
//! family of phones per row, as the makers' manuals say. Also for makers whose phones are not served here: they stand in
//! the same networks. A doubt is what no source confirmed `[u]`; it is shown with every answer that rests on it.

mod families;

pub use families::FAMILIES;

use super::MAKERS;
use crate::inventory::mac::MacAddr;

/// Phones that read DHCP alike.
#[derive(Debug)]
pub struct Family {
    /// Their maker's folder name.
    pub maker: &'static str,
    /// Their name for people.
    pub name: &'static str,
    /// How their vendor class (option 60) is known.
    pub classes: &'static [Class],
    /// Ranges of addresses that only this family has; empty: those of its maker.
    pub ouis: &'static [[u8; 3]],
    /// Where they look for a server; the first that is there wins.
    pub sources: &'static [Source],
    /// How they make a file of a URL.
    pub completion: Completion,
    /// The file they ask for first; `<mac>`, `<MAC>` and `<model>` stand for their own.
    pub first_file: &'static str,
    /// Where they look for their voice VLAN.
    pub vlan: Option<Vlan>,
    /// What they ask for (option 55).
    pub wanted: &'static [u8],
    /// The vendor class they send, or one of many.
    pub class: &'static [u8],
    /// What they do when DHCP names no server.
    pub otherwise: &'static str,
    /// What is not certain of the family as a whole.
    pub doubts: &'static [&'static str],
    /// What is not certain when a host is named without a scheme.
    pub bare_doubt: Option<&'static str>,
}

/// How a vendor class is known.
#[derive(Clone, Copy, Debug)]
pub enum Class {
    /// It begins so.
    Begins(&'static [u8]),
    /// It has this in it.
    Has(&'static [u8]),
}

/// A place where a server may be named.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// Where, and in which form.
    pub form: Form,
    /// What a host without a scheme means.
    pub bare: Scheme,
    /// Whether the file's name may stand in option 67.
    pub file_option: FileOption,
    /// What is not certain of it.
    pub doubt: Option<&'static str>,
}

/// The form of a place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// Addresses of four octets; the first is asked.
    Addresses(u8),
    /// `NAME=value` pairs with commas between, as Avaya has them in option 242.
    Pairs(u8),
    /// A sub-option of option 43.
    SubOption(u8),
    /// A host or URL.
    Text(u8),
    /// Option 43 as it comes: a plain text, or a sub-option that is a URL.
    Vendor,
}

/// Whether option 67 counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FileOption {
    /// It does not.
    Ignored,
    /// It names the file on the server of option 66.
    Read,
}

/// How a phone fetches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(missing_docs)] // the protocols' own names
pub enum Scheme {
    Ftp,
    Ftps,
    Http,
    Https,
    Tftp,
}

/// How a file comes of a URL.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Completion {
    /// A path that ends in a name of at least five characters with `.cfg` is the file, else a folder.
    Cfg,
    /// Always a folder, with or without a slash at its end.
    Directory,
    /// A path that does not end in a slash is the file.
    File,
    /// `firmware;configuration` behind the host.
    Pair,
}

/// Where a voice VLAN is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Vlan {
    /// `L2QVLAN=` in option 242.
    Pairs(u8),
    /// A number, as text or octets.
    Number(u8),
    /// `VLAN-A=10;` in decimal, octal or hexadecimal digits.
    VlanA(u8),
}

/// What most families have in common: no marks, no ranges of their own, no doubts.
const PLAIN: Family = Family {
    maker: "",
    name: "",
    classes: &[],
    ouis: &[],
    sources: &[],
    completion: Completion::Directory,
    first_file: "",
    vlan: None,
    wanted: &[],
    class: b"",
    otherwise: "",
    doubts: &[],
    bare_doubt: None,
};

/// Something on the network that is no phone, for comparison: what it is told, everybody is told.
pub const NOBODY: Family = Family { name: "no phone", wanted: &[1, 3, 6, 12, 15, 42, 66, 161], ..PLAIN };

impl Scheme {
    /// As URLs spell it.
    pub fn word(self) -> &'static str {
        match self {
            Scheme::Ftp => "ftp",
            Scheme::Ftps => "ftps",
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::Tftp => "tftp",
        }
    }

    /// The port when the URL names none.
    pub fn port(self) -> u16 {
        match self {
            Scheme::Ftp => 21,
            Scheme::Ftps => 990,
            Scheme::Http => 80,
            Scheme::Https => 443,
            Scheme::Tftp => 69,
        }
    }

    /// Of a URL's first word.
    pub fn named(word: &str) -> Option<Scheme> {
        let all = [Scheme::Ftp, Scheme::Ftps, Scheme::Http, Scheme::Https, Scheme::Tftp];
        all.into_iter().find(|scheme| scheme.word().eq_ignore_ascii_case(word))
    }
}

impl Form {
    /// The option it stands in.
    pub fn option(self) -> u8 {
        match self {
            Form::Addresses(code) | Form::Pairs(code) | Form::Text(code) => code,
            Form::SubOption(_) | Form::Vendor => 43,
        }
    }
}

impl Source {
    const fn new(form: Form, bare: Scheme) -> Source {
        Source { form, bare, file_option: FileOption::Ignored, doubt: None }
    }

    const fn doubted(mut self, doubt: &'static str) -> Source {
        self.doubt = Some(doubt);
        self
    }

    const fn with_file(mut self) -> Source {
        self.file_option = FileOption::Read;
        self
    }
}

impl Class {
    fn matches(self, class: &[u8]) -> bool {
        match self {
            Class::Begins(start) => class.starts_with(start),
            Class::Has(part) => class.windows(part.len()).any(|window| window == part),
        }
    }
}

impl Family {
    /// Whether a range of addresses is of this family.
    fn has(&self, mac: MacAddr) -> bool {
        let oui = mac.oui().0;
        if !self.ouis.is_empty() {
            return self.ouis.contains(&oui);
        }
        MAKERS.iter().any(|maker| maker.id() == self.maker && maker.ouis().contains(&oui))
    }
}

/// The families of a maker, by its folder name.
pub fn of_maker(maker: &str) -> impl Iterator<Item = &'static Family> {
    FAMILIES.iter().filter(move |family| family.maker == maker)
}

/// Whose phone it is: by the vendor class it sends, else by its address, else unknown.
pub fn recognise(class: Option<&[u8]>, mac: Option<MacAddr>) -> Option<&'static Family> {
    let says = |family: &&Family| class.is_some_and(|class| family.classes.iter().any(|mark| mark.matches(class)));
    // Families with ranges of their own come before those that have all of their maker's.
    let narrow = |family: &&Family| !family.ouis.is_empty() && mac.is_some_and(|mac| family.has(mac));
    let wide = |family: &&Family| mac.is_some_and(|mac| family.has(mac));
    let first = |holds: &dyn Fn(&&Family) -> bool| FAMILIES.iter().find(|family| holds(family));
    first(&says).or_else(|| first(&narrow)).or_else(|| first(&wide))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_is_known_by_its_class_and_else_by_its_address() {
        for (class, mac, name) in [
            ("yealink", "02:00:00:00:00:01", "Yealink"),
            ("", "00:15:65:00:00:01", "Yealink"),
            ("snom D785", "02:00:00:00:00:01", "Snom"),
            ("snomM900", "00:04:13:00:00:01", "Snom"),
            ("Polycom-VVX410", "02:00:00:00:00:01", "Poly UCS"),
            ("\0\0\u{36}\u{3d}", "02:00:00:00:00:01", "Poly UCS"),
            ("", "64:16:7f:00:00:02", "Poly UCS"),
            ("", "9c:ad:ef:00:00:02", "Poly OBi"),
            ("Cisco Systems, Inc. IP Phone CP-7841-3PCC\0", "02:00:00:00:00:01", "Cisco MPP"),
            ("CISCO ATA191-MPP", "02:00:00:00:00:01", "Cisco ATA 191/192"),
            ("CISCO ATA190", "02:00:00:00:00:01", "Cisco SPA"),
            ("LINKSYS SPA-942", "02:00:00:00:00:01", "Cisco SPA"),
            ("Cisco SPA525g2", "02:00:00:00:00:01", "Cisco SPA"),
            ("Cisco Systems, Inc. IP Phone SPA504G", "02:00:00:00:00:01", "Cisco SPA"),
            ("Cisco Systems, Inc. IP Phone CP-7941G\0", "02:00:00:00:00:01", "Cisco enterprise"),
            ("", "00:0e:08:00:00:04", "Cisco SPA"),
            ("", "d0:ec:35:00:00:04", "Cisco MPP"),
            ("Grandstream GXP2170", "02:00:00:00:00:01", "Grandstream"),
            ("HT802", "02:00:00:00:00:01", "Grandstream HT"),
            ("", "00:0b:82:00:00:03", "Grandstream"),
            ("Gigaset_N720_DM_PRO", "02:00:00:00:00:01", "Gigaset N510/N720"),
            ("Gigaset_N870_IP_PRO", "02:00:00:00:00:01", "Gigaset"),
            ("AastraIPPhone6867i", "02:00:00:00:00:01", "Mitel"),
            ("digium_D40_1_1_0_0_48178", "02:00:00:00:00:01", "Digium"),
            ("ictouch.0", "02:00:00:00:00:01", "ALE Myriad"),
            ("", "00:22:ee:00:00:01", "Algo"),
        ] {
            let class = (!class.is_empty()).then_some(class.as_bytes());
            let found = recognise(class, mac.parse().ok()).map(|family| family.name);
            assert_eq!(found, Some(name), "{class:?} {mac}");
        }
        assert!(recognise(Some(b"MSFT 5.0"), "02:00:00:00:00:01".parse().ok()).is_none());
        assert!(recognise(None, None).is_none());
    }

    #[test]
    fn every_maker_has_a_family_and_every_family_asks_for_what_it_reads() {
        for maker in MAKERS {
            assert!(of_maker(maker.id()).next().is_some(), "{}", maker.id());
        }
        for family in FAMILIES {
            for source in family.sources {
                // An unusual place, such as the class of a reply, is read when it is there.
                let unasked = source.form.option() == 60;
                assert!(unasked || family.wanted.contains(&source.form.option()), "{}: {source:?}", family.name);
            }
            assert!(!family.sources.is_empty(), "{}", family.name);
        }
    }

    #[test]
    fn every_class_that_is_sent_is_recognised() {
        for family in FAMILIES.iter().filter(|family| !family.classes.is_empty() && !family.class.is_empty()) {
            assert_eq!(recognise(Some(family.class), None).map(|found| found.name), Some(family.name));
        }
    }
}
