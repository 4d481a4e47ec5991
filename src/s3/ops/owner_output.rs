//! `<Owner>` and `<Initiator>`. One account owns everything; its id is its name.

use crate::s3::xml::XmlWriter;

pub fn owner(xml: &mut XmlWriter, element: &str, id: &str) {
    xml.element(element, |xml| {
        xml.text("ID", id).text("DisplayName", id);
    });
}
